//! How much a document makes of itself when it is parsed.
//!
//! A small text can grow into a huge tree: formatting that is never closed is
//! opened again in every block (HTML §13.2.4.3), and each step walks all open
//! elements. So the document is parsed once into a sink that keeps nothing but
//! counts, piece by piece, and given up at the first piece that is too much.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::{Attribute, LocalName, Namespace, ParseOpts, QualName, local_name, ns, parse_fragment};

const ELEMENTS_MAX: usize = 100_000;
const DEPTH_MAX: usize = 500;
const PIECE_BYTES: usize = 4_096;

/// Whether a fragment stays within what a letter needs.
pub(super) fn is_within(html: &str) -> bool {
    let counts = Rc::new(Counts::default());
    let context = QualName::new(None, ns!(html), local_name!("div"));
    let sink = Counter { counts: counts.clone(), document: Node::new(QualName::new(None, ns!(), local_name!(""))) };
    let mut parser = parse_fragment(sink, ParseOpts::default(), context, Vec::new(), false);
    let mut rest = html;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(PIECE_BYTES).max(1));
        parser.process(StrTendril::from_slice(piece));
        if counts.is_exceeded() {
            return false;
        }
        rest = after;
    }
    parser.finish();
    !counts.is_exceeded()
}

#[derive(Default)]
struct Counts {
    elements: Cell<usize>,
    deepest: Cell<usize>,
}

impl Counts {
    fn is_exceeded(&self) -> bool {
        self.elements.get() > ELEMENTS_MAX || self.deepest.get() > DEPTH_MAX
    }
}

/// An element of which only name and depth are known.
struct Node {
    name: QualName,
    depth: Cell<usize>,
    template: RefCell<Option<Handle>>,
}

type Handle = Rc<Node>;

impl Node {
    fn new(name: QualName) -> Handle {
        Rc::new(Self { name, depth: Cell::new(0), template: RefCell::new(None) })
    }
}

struct Counter {
    counts: Rc<Counts>,
    document: Handle,
}

impl Counter {
    fn nest(&self, parent: &Handle, child: NodeOrText<Handle>) {
        if let NodeOrText::AppendNode(child) = child {
            let depth = parent.depth.get().saturating_add(1);
            child.depth.set(depth);
            self.counts.deepest.set(self.counts.deepest.get().max(depth));
        }
    }
}

impl TreeSink for Counter {
    type Handle = Handle;
    type Output = ();
    type ElemName<'a> = html5ever::ExpandedName<'a>;

    fn finish(self) {}

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.document.clone()
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> html5ever::ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, _attributes: Vec<Attribute>, _flags: ElementFlags) -> Handle {
        self.counts.elements.set(self.counts.elements.get().saturating_add(1));
        Node::new(name)
    }

    fn create_comment(&self, _text: StrTendril) -> Handle {
        nameless()
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> Handle {
        nameless()
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.nest(parent, child);
    }

    fn append_based_on_parent_node(&self, element: &Handle, _previous: &Handle, child: NodeOrText<Handle>) {
        self.nest(element, child);
    }

    fn append_doctype_to_document(&self, _name: StrTendril, _public: StrTendril, _system: StrTendril) {}

    fn get_template_contents(&self, target: &Handle) -> Handle {
        let contents = || {
            let node = nameless();
            node.depth.set(target.depth.get());
            node
        };
        target.template.borrow_mut().get_or_insert_with(contents).clone()
    }

    fn same_node(&self, one: &Handle, other: &Handle) -> bool {
        Rc::ptr_eq(one, other)
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new_node: NodeOrText<Handle>) {
        self.nest(sibling, new_node);
    }

    fn add_attrs_if_missing(&self, _target: &Handle, _attributes: Vec<Attribute>) {}

    fn remove_from_parent(&self, _target: &Handle) {}

    fn reparent_children(&self, _node: &Handle, _new_parent: &Handle) {}
}

fn nameless() -> Handle {
    Node::new(QualName::new(None, Namespace::from(""), LocalName::from("")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_within() {
        let row = "<tr><td><p>text <b>bold</b></p><br></td></tr>";
        assert!(is_within(&format!("<table>{}</table>", row.repeat(5_000))));
        assert!(is_within(""));
        assert!(is_within("ñ<p>ñ".repeat(3_000).as_str()));
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(!is_within(&"<div>".repeat(60_000)));
        assert!(!is_within(&"<b><i>".repeat(30_000)));
        assert!(!is_within(&"<table><tr><td>".repeat(20_000)));
    }

    #[test]
    fn what_multiplies_is_bounded() {
        let open: String = (0..400).map(|number| format!("<font size={number}>")).collect();
        assert!(!is_within(&format!("<p>{open}{}", "<p>x".repeat(50_000))));
        let hidden: String =
            (0..10_000).map(|number| format!("<p><b a={number}><table><td></b></td></table>x")).collect();
        assert!(!is_within(&hidden));
    }
}
