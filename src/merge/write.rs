//! Writes a merged release as JSON.

use crate::json::{Kind, Tokens};
use crate::merge::release_tokens::ReleaseTokens;
use crate::merge::tree::{Children, NodeId, Tree, Value};

/// Writes a tree.
#[derive(Debug)]
pub(super) struct Writer<'m, 't> {
    tree: &'m Tree<'t>,
    tokens: &'m Tokens<'t>,
    releases: &'m [ReleaseTokens<'t>],
    out: String,
}

/// An object or an array that is being written.
struct Frame {
    next: NodeId,
    /// The length of the output before the name of the object or array.
    before: usize,
    /// The length of the output behind the opening bracket.
    start: usize,
    end: char,
}

impl<'m, 't> Writer<'m, 't> {
    pub(super) fn new(
        tree: &'m Tree<'t>,
        tokens: &'m Tokens<'t>,
        releases: &'m [ReleaseTokens<'t>],
    ) -> Self {
        let longest = releases
            .iter()
            .map(|release| tokens[release.root].text.len());
        let capacity = longest.max().unwrap_or_default() * 5 / 4;
        Self {
            tree,
            tokens,
            releases,
            out: String::with_capacity(capacity + 128),
        }
    }

    pub(super) fn write_compiled(mut self) -> String {
        let last = &self.releases[self.releases.len() - 1];
        let ocid = self.tokens[last.ocid].content().raw();
        self.out += r#"{"ocid":""#;
        self.out += ocid;
        self.out += r#"","id":""#;
        self.out += ocid;
        // Only a single release may lack a date, or have one that is not a string.
        let date = last.date.map(|at| &self.tokens[at]);
        let date = date.filter(|date| date.kind == Kind::Scalar);
        if let Some(date) = date {
            self.out.push('-');
            self.out += date.content().raw();
        }
        self.out.push('"');
        if let Some(date) = date {
            self.out += r#","date":"#;
            self.out += date.text;
        }
        self.out += r#","tag":["compiled"]"#;
        self.write_members();
        self.out
    }

    pub(super) fn write_versioned(mut self) -> String {
        let last = &self.releases[self.releases.len() - 1];
        self.out += r#"{"ocid":""#;
        self.out += self.tokens[last.ocid].content().raw();
        self.out.push('"');
        self.write_members();
        self.out
    }

    /// Writes the members of the release behind those that are written already. An object or an
    /// array of which nothing is written is left out.
    fn write_members(&mut self) {
        let mut frames = vec![Frame {
            next: self.tree.children(NodeId::ROOT).first,
            before: 0,
            start: 0,
            end: '}',
        }];
        while let Some(frame) = frames.last_mut() {
            if frame.next == NodeId::NONE {
                match self.out.len() == frame.start {
                    true => self.out.truncate(frame.before),
                    false => self.out.push(frame.end),
                }
                frames.pop();
                continue;
            }
            let node = &self.tree[frame.next];
            frame.next = node.next;
            let before = self.out.len();
            if matches!(node.value, Value::Absent) {
                continue;
            }
            if before != frame.start {
                self.out.push(',');
            }
            if let (Some(name), '}') = (node.key, frame.end) {
                self.out.push('"');
                self.out += name.raw();
                self.out += "\":";
            }
            let (children, brackets) = match node.value {
                Value::Leaf(at) => {
                    self.write_value(at, node.release);
                    continue;
                }
                Value::Versions(versions) => {
                    self.write_versions(versions);
                    continue;
                }
                Value::Object(children) => (children, ['{', '}']),
                Value::Array(children) => (children, ['[', ']']),
                Value::Absent => continue,
            };
            self.out.push(brackets[0]);
            frames.push(Frame {
                next: children.first,
                before,
                start: self.out.len(),
                end: brackets[1],
            });
        }
    }

    fn write_versions(&mut self, versions: Children) {
        self.out.push('[');
        let mut id = versions.first;
        while id != NodeId::NONE {
            let version = &self.tree[id];
            if id != versions.first {
                self.out.push(',');
            }
            let release = &self.releases[version.release as usize];
            for (name, at) in [
                (r#"{"releaseID":"#, release.id),
                (r#","releaseDate":"#, release.date),
                (r#","releaseTag":"#, release.tag),
            ] {
                self.out += name;
                match at {
                    Some(at) => self.write_value(at, version.release),
                    None => self.out += "null",
                }
            }
            self.out += r#","value":"#;
            if let Value::Leaf(at) = version.value {
                self.write_value(at, version.release);
            }
            self.out.push('}');
            id = version.next;
        }
        self.out.push(']');
    }

    /// Writes a value of a release, without the white space between its tokens.
    fn write_value(&mut self, at: usize, release: u32) {
        let token = &self.tokens[at];
        let has_white_space = self.releases[release as usize].has_white_space;
        let is_scalar = matches!(token.kind, Kind::Null | Kind::Scalar);
        if is_scalar || !(has_white_space || self.tokens.has_repeated()) {
            self.out += token.text;
        } else {
            self.write_tokens(at);
        }
    }

    /// Writes a value token by token.
    fn write_tokens(&mut self, first: usize) {
        let mut open: Vec<(usize, char)> = Vec::new();
        let mut at = first;
        let end = self.tokens[first].next;
        loop {
            while let Some((next, bracket)) = open.last()
                && *next == at
            {
                self.out.push(*bracket);
                open.pop();
            }
            if at == end {
                return;
            }
            let token = &self.tokens[at];
            if token.kind == Kind::Repeated {
                at = token.next;
                continue;
            }
            if at != first && !self.out.ends_with(['{', '[']) {
                self.out.push(',');
            }
            if let Some((_, '}')) = open.last() {
                self.out.push('"');
                self.out += token.name.raw();
                self.out += "\":";
            }
            at += 1;
            match token.kind {
                Kind::Object => {
                    self.out.push('{');
                    open.push((token.next, '}'));
                }
                Kind::Objects | Kind::Mixed => {
                    self.out.push('[');
                    open.push((token.next, ']'));
                }
                Kind::Null | Kind::Scalar | Kind::Repeated => self.out += token.text,
            }
        }
    }
}
