//! The tree of a merged release, into which one release after the other is merged.

use std::collections::HashMap;

use crate::json::RawString;
use crate::merge::rules::{FieldId, Rule};

/// The number of children above which an object or an array finds them by a hash table.
const MAX_SEARCHED: u32 = 16;

/// The number of a node in its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct NodeId(u32);

impl NodeId {
    pub(super) const ROOT: Self = Self(0);
    /// No node. The root is nobody's child.
    pub(super) const NONE: Self = Self(0);
}

/// A member of a merged object, an entry of a merged array, or one of the versions of a value.
#[derive(Clone, Debug)]
pub(super) struct Node<'t> {
    /// The name of a member, or the `id` of an entry. An entry without an `id` has none.
    pub(super) key: Option<RawString<'t>>,
    pub(super) value: Value,
    /// The next child of the same parent.
    pub(super) next: NodeId,
    /// The last visit that has touched this node, which shows that a name or an `id` is repeated.
    pub(super) visit: u32,
    /// The release that gave the node its kind of value.
    pub(super) release: u32,
    pub(super) field: FieldId,
    pub(super) rule: Rule,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    /// Nothing yet, or a scalar that `null` has removed.
    Absent,
    /// A scalar or a whole list, which is the token with this index.
    Leaf(usize),
    Object(Children),
    Array(Children),
    /// The versions of a scalar or a whole list, each a `Leaf`. The last one is the current one.
    Versions(Children),
}

/// The children of a node, in their order.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Children {
    pub(super) first: NodeId,
    pub(super) last: NodeId,
    pub(super) count: u32,
}

impl Default for NodeId {
    fn default() -> Self {
        Self::NONE
    }
}

#[derive(Debug)]
pub(super) struct Tree<'t> {
    nodes: Vec<Node<'t>>,
    /// The children of the nodes that have many.
    index: HashMap<(NodeId, RawString<'t>), NodeId>,
}

impl<'t> Tree<'t> {
    /// Creates a tree whose root is an empty object.
    pub(super) fn with_capacity(nodes: usize) -> Self {
        let mut tree = Self {
            nodes: Vec::with_capacity(nodes),
            index: HashMap::new(),
        };
        tree.nodes.push(Node {
            key: None,
            value: Value::Object(Children::default()),
            next: NodeId::NONE,
            visit: 0,
            release: 0,
            field: FieldId::RELEASE,
            rule: Rule::Merge,
        });
        tree
    }

    /// Returns the children of a node, which must be an object, an array or versions.
    pub(super) fn children(&self, of: NodeId) -> Children {
        match self[of].value {
            Value::Object(children) | Value::Array(children) | Value::Versions(children) => {
                children
            }
            Value::Absent | Value::Leaf(_) => Children::default(),
        }
    }

    /// Finds a child by its key. It looks first at `hint`, the child after the one that was found
    /// last, because releases repeat each other's order.
    #[inline]
    pub(super) fn find(&self, of: NodeId, key: RawString<'t>, hint: NodeId) -> Option<NodeId> {
        if hint != NodeId::NONE && self[hint].key == Some(key) {
            return Some(hint);
        }
        let children = self.children(of);
        if children.count > MAX_SEARCHED {
            return self.index.get(&(of, key)).copied();
        }
        let mut child = children.first;
        while child != NodeId::NONE {
            let node = &self[child];
            if node.key == Some(key) {
                return Some(child);
            }
            child = node.next;
        }
        None
    }

    /// Adds a child behind the others.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a tree has fewer nodes than bytes"
    )]
    pub(super) fn add(&mut self, to: NodeId, node: Node<'t>) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        let key = node.key;
        self.nodes.push(node);
        let mut children = self.children(to);
        match children.last {
            NodeId::NONE => children.first = id,
            last => self[last].next = id,
        }
        children.last = id;
        children.count += 1;
        match &mut self[to].value {
            Value::Object(it) | Value::Array(it) | Value::Versions(it) => *it = children,
            Value::Absent | Value::Leaf(_) => {}
        }
        if children.count > MAX_SEARCHED
            && let Some(key) = key
        {
            if children.count == MAX_SEARCHED + 1 {
                self.index_children(to, children.first);
            }
            self.index.insert((to, key), id);
        }
        id
    }

    /// Returns the token of a leaf.
    pub(super) fn leaf(&self, node: NodeId) -> Option<usize> {
        match self[node].value {
            Value::Leaf(at) => Some(at),
            _ => None,
        }
    }

    /// Returns the number of siblings before a child.
    pub(super) fn position(&self, of: NodeId, child: NodeId) -> usize {
        let siblings = std::iter::successors(Some(self.children(of).first), |child| {
            Some(self[*child].next)
        });
        siblings
            .take_while(|sibling| *sibling != child && *sibling != NodeId::NONE)
            .count()
    }

    /// Makes the children of a node impossible to find, because the node will have other ones.
    pub(super) fn forget_children(&mut self, of: NodeId) {
        let children = self.children(of);
        let mut child = children.first;
        while children.count > MAX_SEARCHED && child != NodeId::NONE {
            let Node { key, next, .. } = self[child];
            if let Some(key) = key {
                self.index.remove(&(of, key));
            }
            child = next;
        }
    }

    fn index_children(&mut self, of: NodeId, first: NodeId) {
        let mut child = first;
        while child != NodeId::NONE {
            let (key, next) = (self[child].key, self[child].next);
            if let Some(key) = key {
                self.index.insert((of, key), child);
            }
            child = next;
        }
    }
}

impl<'t> std::ops::Index<NodeId> for Tree<'t> {
    type Output = Node<'t>;

    #[inline]
    fn index(&self, id: NodeId) -> &Node<'t> {
        &self.nodes[id.0 as usize]
    }
}

impl std::ops::IndexMut<NodeId> for Tree<'_> {
    #[inline]
    fn index_mut(&mut self, id: NodeId) -> &mut Self::Output {
        &mut self.nodes[id.0 as usize]
    }
}
