//! Reads JSON with `serde_json`, to compare the program's own readers with it.
//!
//! Numbers stay as they are written, because `serde_json` would refuse those that a double cannot
//! hold and PostgreSQL can.

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order. A name may occur more than once.
pub struct Members<'t>(pub Vec<(String, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl<'t> Members<'t> {
    /// Parses a text, and returns `None` if it is not an object.
    pub fn of(text: &'t str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Returns all values of a name.
    pub fn all(&self, name: &str) -> Vec<&'t str> {
        let found = self.0.iter().filter(|(key, _)| key == name);
        found.map(|(_, value)| value.get()).collect()
    }

    /// Returns the value of a name that occurs exactly once.
    pub fn only(&self, name: &str) -> Option<&'t str> {
        match self.all(name)[..] {
            [value] => Some(value),
            _ => None,
        }
    }
}

/// Parses a text, and returns `None` if it is not an array.
pub fn entries(text: &str) -> Option<Vec<&str>> {
    let entries: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(entries.into_iter().map(RawValue::get).collect())
}

/// Returns the text of a string, or a number as it is written.
pub fn identifier(text: &str) -> Option<String> {
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}

/// Returns the reason why PostgreSQL cannot store a text as jsonb, if there is one.
pub fn unstorable(text: &str, depth: usize) -> Option<String> {
    let string = |text: &str| match serde_json::from_str::<String>(text) {
        Ok(text) if text.contains('\0') => Some("holds NUL".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    let deeper = || match depth.checked_sub(1) {
        Some(depth) => Ok(depth),
        None => Err("nests too deep".to_owned()),
    };
    match text.as_bytes().first()? {
        b'"' => string(text),
        b'{' => {
            let Some(Members(members)) = Members::of(text) else {
                return Some("is no object".into());
            };
            let depth = match deeper() {
                Ok(depth) => depth,
                Err(why) => return Some(why),
            };
            members.into_iter().find_map(|(name, value)| {
                let is_storable = !name.contains('\0');
                match is_storable {
                    true => unstorable(value.get(), depth),
                    false => Some("has a name with NUL".into()),
                }
            })
        }
        b'[' => {
            let Some(entries) = entries(text) else {
                return Some("is no array".into());
            };
            let depth = match deeper() {
                Ok(depth) => depth,
                Err(why) => return Some(why),
            };
            entries
                .into_iter()
                .find_map(|entry| unstorable(entry, depth))
        }
        b't' | b'f' | b'n' => None,
        _ => number(text),
    }
}

/// Returns the reason why PostgreSQL cannot store a number: it has more digits than a `numeric`.
fn number(text: &str) -> Option<String> {
    let (digits, exponent) = text.split_once(['e', 'E'])?;
    match exponent.parse::<i32>() {
        Ok(exponent) if exponent.unsigned_abs() as usize + digits.len() < 16_000 => None,
        _ => Some("has too large a number".into()),
    }
}
