//! Merges releases into a tree, one after the other.

use crate::json::{Kind, RawString, Token, Tokens};
use crate::merge::error::{MergeError, ReleaseName, ValueAt};
use crate::merge::release_tokens::ReleaseTokens;
use crate::merge::rules::{FieldId, Rule, Rules};
use crate::merge::tree::{Children, Node, NodeId, Tree, Value};
use crate::merge::write::Writer;
use crate::merge::{Form, Merged, RepeatedIds};

/// Merges sorted releases.
#[derive(Debug)]
pub(super) struct Merger<'m, 't> {
    tokens: &'m Tokens<'t>,
    releases: &'m [ReleaseTokens<'t>],
    rules: &'m Rules,
    form: Form,
    tree: Tree<'t>,
    /// The objects and arrays around the next token, from the release inwards.
    frames: Vec<Frame>,
    /// The token at which the last search for content ended.
    content: usize,
    /// The number of objects and arrays of releases that were visited so far.
    visits: u32,
    /// The number of the release that is being merged, in their sorted order.
    release: u32,
    repeated_ids: Option<RepeatedIds>,
    /// The nodes of which a release has replaced its own version.
    replaced_versions: Vec<NodeId>,
}

/// An object or an array of a release that is being merged into a node.
#[derive(Clone, Copy, Debug)]
struct Frame {
    node: NodeId,
    /// The index of the first token that is not in it.
    end: usize,
    visit: u32,
    /// The child that is expected next.
    hint: NodeId,
    inside: Inside,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Object,
    /// An object that is an entry of an array.
    Entry,
    Array,
}

/// The way on behind the beginning of a value.
enum Step {
    /// Continue behind the value.
    Skip,
    /// Continue with the members or entries of the value, which are merged into this node.
    Enter(NodeId, Inside),
}

/// The reason why merging stops early.
pub(super) enum Stop {
    Error(MergeError),
    /// An object has two members with one name, and they are not marked.
    RepeatedMember,
}

/// A value of a release, as it takes part in merging.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Incoming {
    Null,
    /// A scalar.
    Scalar,
    /// An array that is a value as a whole.
    WholeList,
    Object,
    /// An array whose entries are merged.
    Array,
    /// An empty object or array, which changes nothing.
    Empty,
}

impl<'m, 't> Merger<'m, 't> {
    pub(super) fn new(
        tokens: &'m Tokens<'t>,
        releases: &'m [ReleaseTokens<'t>],
        rules: &'m Rules,
        form: Form,
    ) -> Self {
        let first = releases.first().map(|release| &tokens[release.root]);
        let count = first.map_or(0, |release| release.next);
        Self {
            tokens,
            releases,
            rules,
            form,
            tree: Tree::with_capacity(2 * count),
            frames: Vec::new(),
            content: 0,
            visits: 0,
            release: 0,
            repeated_ids: None,
            replaced_versions: Vec::new(),
        }
    }

    /// Merges all releases.
    pub(super) fn merge(mut self) -> Result<Merged, Stop> {
        for release in self.releases {
            self.merge_release(release)?;
            self.release += 1;
        }
        self.remove_unchanged_versions();
        let writer = Writer::new(&self.tree, self.tokens, self.releases);
        Ok(Merged {
            text: match self.form {
                Form::Compiled => writer.write_compiled(),
                Form::Versioned => writer.write_versioned(),
            },
            repeated_ids: self.repeated_ids,
        })
    }

    fn merge_release(&mut self, release: &ReleaseTokens<'t>) -> Result<(), Stop> {
        self.frames.clear();
        self.enter(release.root, NodeId::ROOT, Inside::Object);
        let mut at = release.root + 1;
        while let Some(frame) = self.frames.last() {
            if at == frame.end {
                self.frames.pop();
                continue;
            }
            let token = &self.tokens[at];
            let step = match frame.inside {
                Inside::Array => self.merge_entry(at, token)?,
                Inside::Object | Inside::Entry => self.merge_member(at, token)?,
            };
            at = match step {
                Step::Skip => token.next,
                Step::Enter(node, inside) => {
                    self.enter(at, node, inside);
                    at + 1
                }
            };
        }
        Ok(())
    }

    fn enter(&mut self, token: usize, node: NodeId, inside: Inside) {
        self.visits += 1;
        self.frames.push(Frame {
            node,
            end: self.tokens[token].next,
            visit: self.visits,
            hint: self.tree.children(node).first,
            inside,
        });
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames
            .last_mut()
            .expect("a release is open while it is merged")
    }

    fn merge_member(&mut self, at: usize, token: &Token<'t>) -> Result<Step, Stop> {
        if token.kind == Kind::Repeated {
            return Ok(Step::Skip);
        }
        let Frame {
            node: parent,
            visit,
            hint,
            inside,
            ..
        } = *self.frame();
        let node = match self.tree.find(parent, token.name, hint) {
            Some(node) => {
                self.frame().hint = self.tree[node].next;
                node
            }
            None => self.add_member(parent, token.name),
        };
        let child = &mut self.tree[node];
        if child.visit == visit {
            return Err(Stop::RepeatedMember);
        }
        child.visit = visit;
        if inside == Inside::Entry && token.is_named("id") {
            return self.merge_id(at, token, node);
        }
        self.merge_value(at, token, node)
    }

    /// Merges the `id` of an entry of an array. It is not versioned.
    fn merge_id(&mut self, at: usize, token: &Token<'t>, node: NodeId) -> Result<Step, Stop> {
        let is_plain = matches!(self.tree[node].value, Value::Absent | Value::Leaf(_));
        match token.kind {
            Kind::Scalar if is_plain => {
                let child = &mut self.tree[node];
                child.value = Value::Leaf(at);
                child.release = self.release;
                Ok(Step::Skip)
            }
            // `null` is no `id`
            Kind::Null => Ok(Step::Skip),
            _ => self.merge_value(at, token, node),
        }
    }

    fn merge_entry(&mut self, at: usize, token: &Token<'t>) -> Result<Step, Stop> {
        let Frame {
            node: parent,
            visit,
            hint,
            ..
        } = *self.frame();
        let rule = self.tree[parent].rule;
        let key = match rule {
            Rule::Append | Rule::ByPosition => None,
            _ => self.read_id(at, parent)?,
        };
        let found = match (rule, key) {
            (Rule::ByPosition, _) => Some(hint).filter(|hint| *hint != NodeId::NONE),
            (_, None) => None,
            (_, Some(key)) => self.tree.find(parent, key, hint),
        };
        let node = match found {
            Some(node) => {
                self.frame().hint = self.tree[node].next;
                node
            }
            // An entry without a key is never found again.
            None => self.add_entry(parent, key),
        };
        let child = &mut self.tree[node];
        let is_repeated = child.visit == visit;
        child.visit = visit;
        if is_repeated {
            self.count_repeated_id(node);
        }
        self.merge_value(at, token, node)
    }

    fn count_repeated_id(&mut self, node: NodeId) {
        match &mut self.repeated_ids {
            Some(repeated) => repeated.count += 1,
            None => {
                self.repeated_ids = Some(RepeatedIds {
                    count: 1,
                    place: self.place(node),
                    release: self.name_release(self.release),
                });
            }
        }
    }

    /// Returns the `id` of an entry, by which it merges.
    fn read_id(&self, entry: usize, array: NodeId) -> Result<Option<RawString<'t>>, Stop> {
        let Some((_, id)) = self.tokens.member(entry, "id") else {
            return Ok(None);
        };
        match id.kind {
            Kind::Null => Ok(None),
            Kind::Scalar => Ok(Some(id.content())),
            _ => {
                let side = self.value_at(array, id.describe(), self.release);
                Err(Stop::Error(MergeError::IdOfOtherKind(side)))
            }
        }
    }

    fn add_member(&mut self, parent: NodeId, name: RawString<'t>) -> NodeId {
        let field = match self.tree[parent].field {
            FieldId::NONE => FieldId::NONE,
            field => self.rules.find(field, &name.unescape()),
        };
        let rule = self.rules.rule(field);
        self.add_child(parent, Some(name), field, rule)
    }

    fn add_entry(&mut self, parent: NodeId, key: Option<RawString<'t>>) -> NodeId {
        let field = self.tree[parent].field;
        self.add_child(parent, key, field, Rule::Merge)
    }

    fn add_child(
        &mut self,
        parent: NodeId,
        key: Option<RawString<'t>>,
        field: FieldId,
        rule: Rule,
    ) -> NodeId {
        let child = Node {
            key,
            value: Value::Absent,
            next: NodeId::NONE,
            visit: 0,
            release: self.release,
            field,
            rule,
        };
        self.tree.add(parent, child)
    }

    /// Merges the value of a token into a node.
    fn merge_value(&mut self, at: usize, token: &Token<'t>, node: NodeId) -> Result<Step, Stop> {
        let Node {
            value, field, rule, ..
        } = self.tree[node];
        if rule == Rule::Omit {
            return Ok(Step::Skip);
        }
        let is_compiled = self.form == Form::Compiled;
        match (value, Incoming::new(token, at, rule)) {
            (_, Incoming::Empty)
            | (Value::Object(_) | Value::Array(_), Incoming::Null | Incoming::Scalar) => {}
            (Value::Absent | Value::Leaf(_), Incoming::Null) if is_compiled => {
                self.tree[node].value = Value::Absent;
            }
            (Value::Absent | Value::Leaf(_), Incoming::Scalar | Incoming::WholeList)
                if is_compiled =>
            {
                self.set(node, Value::Leaf(at));
            }
            (
                Value::Absent | Value::Versions(_),
                Incoming::Null | Incoming::Scalar | Incoming::WholeList,
            ) => self.add_version(at, node),
            // an object or an array without content is as good as an empty one
            (
                Value::Absent | Value::Leaf(_) | Value::Versions(_),
                Incoming::Object | Incoming::Array,
            ) if !self.has_content(at, field) => {}
            (Value::Versions(versions), Incoming::Object | Incoming::Array)
                if self.was_always_null(versions) =>
            {
                self.tree[node].value = Value::Absent;
                return self.merge_value(at, token, node);
            }
            (Value::Absent, Incoming::Object) => {
                self.set(node, Value::Object(Children::default()));
                return Ok(self.enter_object(node));
            }
            (Value::Object(_), Incoming::Object) => return Ok(self.enter_object(node)),
            (Value::Absent, Incoming::Array) => {
                self.set(node, Value::Array(Children::default()));
                return Ok(Step::Enter(node, Inside::Array));
            }
            (Value::Leaf(_), Incoming::Array) if self.is_list(node) => {
                self.set(node, Value::Array(Children::default()));
                return Ok(Step::Enter(node, Inside::Array));
            }
            (Value::Array(_), Incoming::Array) => return Ok(Step::Enter(node, Inside::Array)),
            (Value::Array(_), Incoming::WholeList) if is_compiled => {
                self.tree.forget_children(node);
                self.set(node, Value::Leaf(at));
            }
            (Value::Object(_) | Value::Array(_), _) if !self.has_content(at, field) => {}
            _ => return Err(self.kinds_differ(node, token)),
        }
        Ok(Step::Skip)
    }

    /// Returns true if a value of a release has anything to merge: a scalar or a whole list,
    /// which may be empty.
    fn has_content(&mut self, at: usize, field: FieldId) -> bool {
        // If the objects around this one were searched, the search has found the same place.
        if (at..self.tokens[at].next).contains(&self.content) {
            return true;
        }
        if let Some(content) = self.tokens.find_content(at) {
            self.content = content;
            return true;
        }
        let end = self.tokens[at].next;
        // the objects and arrays around a token: where they end, and their fields
        let mut open = vec![(at, end, field)];
        let mut at = at + 1;
        while at < end {
            while open.pop_if(|(_, end, _)| *end <= at).is_some() {}
            let token = &self.tokens[at];
            let field = match open.last() {
                Some((around, _, field)) if self.tokens[*around].kind == Kind::Object => {
                    self.rules.find(*field, &token.name.unescape())
                }
                Some((_, _, field)) => *field,
                None => FieldId::NONE,
            };
            at = match token.kind {
                Kind::Repeated => token.next,
                Kind::Null => at + 1,
                _ if self.rules.rule(field) == Rule::WholeList => return true,
                _ => {
                    open.push((at, token.next, field));
                    at + 1
                }
            };
        }
        false
    }

    fn enter_object(&self, node: NodeId) -> Step {
        let parent = self.frames.last();
        // entries that merge by their position may have several ids, of which each is a version
        let is_entry = parent.is_some_and(|frame| {
            frame.inside == Inside::Array && self.tree[frame.node].rule != Rule::ByPosition
        });
        let inside = if is_entry {
            Inside::Entry
        } else {
            Inside::Object
        };
        Step::Enter(node, inside)
    }

    fn set(&mut self, node: NodeId, value: Value) {
        let node = &mut self.tree[node];
        node.value = value;
        node.release = self.release;
    }

    /// Adds a version of a value, unless the value is the same as in the version before. If the
    /// release has brought a version already, because its array has several entries with one `id`,
    /// the new value replaces that one.
    fn add_version(&mut self, at: usize, node: NodeId) {
        if !matches!(self.tree[node].value, Value::Versions(_)) {
            self.set(node, Value::Versions(Children::default()));
        }
        let last = self.tree.children(node).last;
        if last != NodeId::NONE && self.tree[last].release == self.release {
            self.tree[last].value = Value::Leaf(at);
            if self.replaced_versions.last() != Some(&node) {
                self.replaced_versions.push(node);
            }
            return;
        }
        let last = self.tree.leaf(last);
        if last.is_some_and(|last| self.tokens.is_same(last, at)) {
            return;
        }
        let version = self.add_child(node, None, FieldId::NONE, Rule::Merge);
        self.tree[version].value = Value::Leaf(at);
    }

    /// Removes the versions that, once they were replaced, are the same as those before them.
    fn remove_unchanged_versions(&mut self) {
        let mut replaced = std::mem::take(&mut self.replaced_versions);
        replaced.sort_unstable();
        replaced.dedup();
        for node in replaced {
            let mut kept = self.tree.children(node).first;
            while kept != NodeId::NONE {
                let next = self.tree[kept].next;
                let pair = (self.tree.leaf(kept), self.tree.leaf(next));
                match pair {
                    (Some(kept_leaf), Some(leaf))
                        if next != NodeId::NONE && self.tokens.is_same(kept_leaf, leaf) =>
                    {
                        self.tree[kept].next = self.tree[next].next;
                    }
                    _ => kept = next,
                }
            }
        }
    }

    /// Returns true if a value was null in all releases so far.
    fn was_always_null(&self, versions: Children) -> bool {
        let first = self.tree.leaf(versions.first);
        versions.count == 1 && first.is_some_and(|at| self.tokens[at].kind == Kind::Null)
    }

    /// Returns true if a leaf of the tree is an array.
    fn is_list(&self, node: NodeId) -> bool {
        let leaf = self.tree.leaf(node).map(|at| &self.tokens[at]);
        leaf.is_some_and(|token| token.text.starts_with('['))
    }

    fn kinds_differ(&self, node: NodeId, token: &Token<'t>) -> Stop {
        let node_of_value = match self.tree[node].value {
            Value::Versions(versions) => versions.last,
            _ => node,
        };
        let Node { value, release, .. } = self.tree[node_of_value];
        let earlier = match value {
            Value::Leaf(at) => self.tokens[at].describe(),
            Value::Array(_) => "an array of objects",
            _ => "an object",
        };
        Stop::Error(MergeError::KindsDiffer {
            earlier: self.value_at(node, earlier, release),
            later: self.value_at(node, token.describe(), self.release),
        })
    }

    fn value_at(&self, node: NodeId, kind: &'static str, release: u32) -> Box<ValueAt> {
        Box::new(ValueAt {
            place: self.place(node),
            kind,
            release: self.name_release(release),
        })
    }

    fn name_release(&self, release: u32) -> ReleaseName {
        self.releases[release as usize].name(self.tokens)
    }

    /// Returns the names and ids that lead to the innermost object or array, or to a child of it.
    fn place(&self, node: NodeId) -> String {
        let mut nodes: Vec<NodeId> = self.frames.iter().map(|frame| frame.node).collect();
        if nodes.last() != Some(&node) {
            nodes.push(node);
        }
        let names = nodes.windows(2).map(|pair| match self.tree[pair[1]].key {
            Some(key) => key.unescape().into_owned(),
            None => format!("entry {}", self.tree.position(pair[0], pair[1]) + 1),
        });
        names.collect::<Vec<String>>().join("/")
    }
}

impl Incoming {
    #[inline]
    fn new(token: &Token<'_>, at: usize, rule: Rule) -> Self {
        match token.kind {
            Kind::Null => Self::Null,
            Kind::Scalar => Self::Scalar,
            _ if rule == Rule::WholeList => Self::WholeList,
            Kind::Mixed => Self::WholeList,
            _ if token.is_empty(at) => Self::Empty,
            Kind::Object => Self::Object,
            Kind::Objects => Self::Array,
            Kind::Repeated => Self::Empty,
        }
    }
}
