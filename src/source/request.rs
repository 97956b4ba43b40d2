//! The method and the body of a request: the keys `method` and `body` of a source.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::template::{Escaping, Template, Values};

/// An HTTP method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The method `GET`.
    #[default]
    Get,
    /// The method `POST`.
    Post,
}

impl Method {
    /// Returns the name of the method in HTTP.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    /// Returns the declared method. Without one it is `POST` if there is a body, and `GET`
    /// otherwise.
    pub(super) fn choose(method: Option<Self>, has_body: bool) -> Self {
        method.unwrap_or(if has_body { Self::Post } else { Self::Get })
    }
}

/// The body of a request.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, try_from = "BodyTable")]
pub enum Body {
    /// The body is JSON in which texts are templates.
    Json(Json),
    /// The body is a form, encoded as browsers do it.
    Form(BTreeMap<String, Template>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BodyTable {
    json: Option<Value>,
    form: Option<BTreeMap<String, Template>>,
}

impl TryFrom<BodyTable> for Body {
    type Error = String;

    fn try_from(table: BodyTable) -> Result<Self, String> {
        match (table.json, table.form) {
            (Some(json), None) => Json::parse(json).map(Self::Json),
            (None, Some(form)) => Ok(Self::Form(form)),
            _ => Err("`body` must have either `json` or `form`".into()),
        }
    }
}

/// JSON in which texts are templates.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A number, `true`, `false`, or `null`.
    Scalar(Value),
    /// A text. It is rendered as a number if it consists only of `{page}` or `{offset}`.
    Text(Template),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(BTreeMap<String, Json>),
}

impl Json {
    fn parse(value: Value) -> Result<Self, String> {
        Ok(match value {
            Value::String(text) => Self::Text(Template::parse(&text)?),
            Value::Array(entries) => {
                let entries = entries.into_iter().map(Self::parse);
                Self::Array(entries.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let members = members
                    .into_iter()
                    .map(|(name, value)| Ok((name, Self::parse(value)?)));
                Self::Object(members.collect::<Result<_, String>>()?)
            }
            scalar => Self::Scalar(scalar),
        })
    }

    /// Returns the JSON with a value in place of each template.
    fn fill(&self, value: &dyn Fn(&Template) -> Value) -> Value {
        match self {
            Self::Scalar(scalar) => scalar.clone(),
            Self::Text(template) => value(template),
            Self::Array(entries) => entries.iter().map(|entry| entry.fill(value)).collect(),
            Self::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), member.fill(value)))
                .collect(),
        }
    }

    fn templates<'b>(&'b self, found: &mut Vec<&'b Template>) {
        match self {
            Self::Scalar(_) => {}
            Self::Text(template) => found.push(template),
            Self::Array(entries) => entries.iter().for_each(|entry| entry.templates(found)),
            Self::Object(members) => members.values().for_each(|value| value.templates(found)),
        }
    }
}

impl Body {
    /// Returns the bytes of the body with these values.
    #[must_use]
    pub fn render(&self, values: &Values<'_>, secret: &dyn Fn(&str) -> String) -> Vec<u8> {
        match self {
            Self::Json(json) => {
                let value = |template: &Template| {
                    let text = template.render(values, Escaping::Plain, secret);
                    match text.parse::<u64>() {
                        Ok(number) if template.is_number() => number.into(),
                        _ => text.into(),
                    }
                };
                json.fill(&value).to_string().into_bytes()
            }
            Self::Form(form) => {
                let mut pairs = url::form_urlencoded::Serializer::new(String::new());
                for (name, template) in form {
                    pairs.append_pair(name, &template.render(values, Escaping::Plain, secret));
                }
                pairs.finish().into_bytes()
            }
        }
    }

    /// Returns the body as declared, `{"json": …}` or `{"form": …}`, with templates in place of
    /// texts.
    #[must_use]
    pub fn to_declaration(&self) -> Value {
        match self {
            Self::Json(body) => json!({ "json": body.fill(&|template| template.as_str().into()) }),
            Self::Form(form) => {
                let texts = form.iter();
                let texts = texts.map(|(name, template)| (name.clone(), template.as_str()));
                json!({ "form": texts.collect::<BTreeMap<_, _>>() })
            }
        }
    }

    /// Returns the media type of the body.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }

    /// Returns all templates in the body.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Json(json) => {
                let mut found = Vec::new();
                json.templates(&mut found);
                found
            }
            Self::Form(form) => form.values().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Table {
        body: Body,
    }

    fn render(body: &str) -> String {
        let table: Table = toml::from_str(body).unwrap();
        let values = Values {
            page: Some(3),
            item: Some("a \"b\""),
            ..Values::default()
        };
        let bytes = table.body.render(&values, &|name| format!("<{name}>"));
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_body_is_json_or_a_form() {
        assert_eq!(
            render(
                r#"body = { json = { page = "{page}", size = 10, q = ["{item}", "p{page}"], key = "{env.K}" } }"#
            ),
            r#"{"key":"<K>","page":3,"q":["a \"b\"","p3"],"size":10}"#
        );
        assert_eq!(
            render(r#"body = { form = { page = "{page}", item = "{item}" } }"#),
            "item=a+%22b%22&page=3"
        );
        assert!(toml::from_str::<Table>("body = {}").is_err());
    }
}
