//! Merges releases into a tree, one after the other.

use crate::merge::error::{MergeError, ReleaseName, Side};
use crate::merge::head::Head;
use crate::merge::rules::{FieldId, Rule, Rules};
use crate::merge::tokens::{Kind, Text, Token, Tokens};
use crate::merge::tree::{Children, Node, NodeId, Tree, Value};
use crate::merge::write::Writer;
use crate::merge::{Form, Merged, RepeatedId};

/// Merges sorted releases.
#[derive(Debug)]
pub(super) struct Merger<'m, 't> {
    tokens: &'m Tokens<'t>,
    heads: &'m [Head<'t>],
    rules: &'m Rules,
    form: Form,
    tree: Tree<'t>,
    /// The objects and arrays around the next token, from the release inwards.
    frames: Vec<Frame>,
    /// The number of objects and arrays of releases that were visited so far.
    visits: u32,
    /// The number of the release that is being merged, in their sorted order.
    release: u32,
    repeated_ids: Vec<RepeatedId>,
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

/// What is done with the value of a token.
enum Step {
    /// Continue behind the value.
    Over,
    /// Continue with the members or entries of the value, which are merged into this node.
    Into(NodeId, Inside),
}

/// Says why merging stops early.
enum Stop {
    Error(MergeError),
    /// An object has two members of one name.
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
    Nothing,
}

impl<'m, 't> Merger<'m, 't> {
    pub(super) fn new(
        tokens: &'m Tokens<'t>,
        heads: &'m [Head<'t>],
        rules: &'m Rules,
        form: Form,
    ) -> Self {
        let first = heads.first().map(|head| &tokens[head.release]);
        let count = first.map_or(0, |release| release.next);
        Self {
            tokens,
            heads,
            rules,
            form,
            tree: Tree::with_capacity(2 * count),
            frames: Vec::new(),
            visits: 0,
            release: 0,
            repeated_ids: Vec::new(),
        }
    }

    /// Merges all releases. Returns `None` if an object has two members of one name, and they are
    /// not marked.
    pub(super) fn merge(mut self) -> Result<Option<Merged>, MergeError> {
        for head in self.heads {
            match self.merge_release(head) {
                Ok(()) => self.release += 1,
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::RepeatedMember) => return Ok(None),
            }
        }
        let writer = Writer::new(&self.tree, self.tokens, self.heads);
        Ok(Some(Merged {
            text: match self.form {
                Form::Compiled => writer.write_compiled(),
                Form::Versioned => writer.write_versioned(),
            },
            repeated_ids: self.repeated_ids,
        }))
    }

    fn merge_release(&mut self, head: &Head<'t>) -> Result<(), Stop> {
        self.frames.clear();
        self.enter(head.release, NodeId::ROOT, Inside::Object);
        let mut at = head.release + 1;
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
                Step::Over => token.next,
                Step::Into(node, inside) => {
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
            return Ok(Step::Over);
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
        if inside == Inside::Entry && token.name.raw() == "id" {
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
                Ok(Step::Over)
            }
            // an entry that has an `id` keeps it, if another without one is merged by position
            Kind::Null if matches!(self.tree[node].value, Value::Leaf(_)) => Ok(Step::Over),
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
            let repeated = RepeatedId {
                place: self.place(node),
                release: self.name_release(self.release),
            };
            self.repeated_ids.push(repeated);
        }
        self.merge_value(at, token, node)
    }

    /// Returns the `id` of an entry, by which it merges.
    fn read_id(&self, entry: usize, array: NodeId) -> Result<Option<Text<'t>>, Stop> {
        let Some((_, id)) = self.tokens.member(entry, "id") else {
            return Ok(None);
        };
        match id.kind {
            Kind::Null => Ok(None),
            Kind::Scalar => Ok(Some(id.content())),
            _ => {
                let side = self.side(array, id.describe(), self.release);
                Err(Stop::Error(MergeError::IdOfOtherKind(side)))
            }
        }
    }

    fn add_member(&mut self, parent: NodeId, name: Text<'t>) -> NodeId {
        let field = match self.tree[parent].field {
            FieldId::NONE => FieldId::NONE,
            field => self.rules.find(field, &name.unescape()),
        };
        let rule = self.rules.rule(field);
        self.add_child(parent, Some(name), field, rule)
    }

    fn add_entry(&mut self, parent: NodeId, key: Option<Text<'t>>) -> NodeId {
        let field = self.tree[parent].field;
        self.add_child(parent, key, field, Rule::Merge)
    }

    fn add_child(
        &mut self,
        parent: NodeId,
        key: Option<Text<'t>>,
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
            return Ok(Step::Over);
        }
        let is_compiled = self.form == Form::Compiled;
        match (value, Incoming::new(token, at, rule)) {
            (_, Incoming::Nothing)
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
                return Ok(Step::Into(node, Inside::Array));
            }
            (Value::Leaf(_), Incoming::Array) if self.is_list(node) => {
                self.set(node, Value::Array(Children::default()));
                return Ok(Step::Into(node, Inside::Array));
            }
            (Value::Array(_), Incoming::Array) => return Ok(Step::Into(node, Inside::Array)),
            (Value::Array(_), Incoming::WholeList) if is_compiled => {
                self.tree.forget_children(node);
                self.set(node, Value::Leaf(at));
            }
            (Value::Object(_) | Value::Array(_), _) if !self.has_content(at, field) => {}
            _ => return Err(self.kinds_differ(node, token)),
        }
        Ok(Step::Over)
    }

    /// Returns true if a value of a release has anything to merge: a scalar or a whole list,
    /// which may be empty.
    fn has_content(&self, at: usize, field: FieldId) -> bool {
        if self.tokens.has_scalar_or_mixed_array(at) {
            return true;
        }
        let mut open = vec![(self.tokens[at].next, field)];
        for at in at + 1..self.tokens[at].next {
            while open.pop_if(|(end, _)| *end <= at).is_some() {}
            let token = &self.tokens[at];
            let field = match open.last() {
                // an entry of an array has no name
                Some((_, around)) if token.name.raw().is_empty() => *around,
                Some((_, around)) => self.rules.find(*around, &token.name.unescape()),
                None => FieldId::NONE,
            };
            if self.rules.rule(field) == Rule::WholeList {
                return true;
            }
            open.push((token.next, field));
        }
        false
    }

    fn enter_object(&self, node: NodeId) -> Step {
        let parent = self.frames.last().map(|frame| frame.inside);
        Step::Into(
            node,
            match parent {
                Some(Inside::Array) => Inside::Entry,
                _ => Inside::Object,
            },
        )
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
            self.tree.remove_last(node);
        }
        let last = self.tree.leaf(self.tree.children(node).last);
        if last.is_some_and(|last| self.tokens.is_same(last, at)) {
            return;
        }
        let version = self.add_child(node, None, FieldId::NONE, Rule::Merge);
        self.tree[version].value = Value::Leaf(at);
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
        let Node { value, release, .. } = self.tree[node];
        let leaf = match value {
            Value::Versions(versions) => self.tree.leaf(versions.last),
            _ => self.tree.leaf(node),
        };
        let earlier = match (value, leaf) {
            (_, Some(at)) => self.tokens[at].describe(),
            (Value::Array(_), _) => "an array",
            _ => "an object",
        };
        Stop::Error(MergeError::KindsDiffer {
            earlier: self.side(node, earlier, release),
            later: self.side(node, token.describe(), self.release),
        })
    }

    fn side(&self, node: NodeId, kind: &'static str, release: u32) -> Box<Side> {
        Box::new(Side {
            place: self.place(node),
            kind,
            release: self.name_release(release),
        })
    }

    fn name_release(&self, release: u32) -> ReleaseName {
        self.heads[release as usize].name(self.tokens)
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
            _ if token.is_empty(at) => Self::Nothing,
            Kind::Object => Self::Object,
            Kind::Objects => Self::Array,
            Kind::Repeated => Self::Nothing,
        }
    }
}
