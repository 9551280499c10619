//! A body of XML as elements: names without prefixes, texts, no attributes, which are namespaces.
//!
//! `roxmltree` reads it. Document types are refused, and with them every entity but the five that
//! XML has.

use roxmltree::{Document, Node};

/// Deeper than any shape.
const DEPTH_AT_MOST: usize = 32;

/// An element.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) children: Vec<Self>,
}

/// The root of a document; `None` if it is not well-formed, or deeper than is taken here.
pub(crate) fn read(text: &str) -> Option<Element> {
    let document = Document::parse(text).ok()?;
    element(document.root_element(), 0)
}

fn element(node: Node<'_, '_>, depth: usize) -> Option<Element> {
    if depth > DEPTH_AT_MOST {
        return None;
    }
    let texts = node.children().filter(Node::is_text);
    let elements = node.children().filter(Node::is_element);
    Some(Element {
        name: node.tag_name().name().to_owned(),
        text: texts.filter_map(|it| it.text()).collect(),
        children: elements
            .map(|it| element(it, depth + 1))
            .collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_texts_are_read() {
        let text = "<?xml version='1.0'?>\n<!-- x --><n:A xmlns:n=\"u>\" b = '1'>\
                    <B>a&amp;b&#x3c;<![CDATA[<&]]></B><C/><B ></B >\n</n:A>";
        let root = read(text).expect("it is well-formed");
        let names: Vec<_> = root.children.iter().map(|it| it.name.as_str()).collect();
        assert_eq!((root.name.as_str(), names), ("A", vec!["B", "C", "B"]));
        assert_eq!(root.children[0].text, "a&b<<&");
    }

    #[test]
    fn what_is_not_well_formed_is_none() {
        for text in [
            "",
            "x",
            "<A>",
            "<A></B>",
            "<A/><B/>",
            "<A>&no;</A>",
            "<A>&#0;</A>",
            "<A b></A>",
            "<!DOCTYPE A><A/>",
            "<A",
            "< A/>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read(&"<A>".repeat(100_000)), None);
    }
}
