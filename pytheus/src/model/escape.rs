//! Escaping in the text formats of Prometheus.

use crate::model::text_out::TextOut;

/// Appends a help text: `\` and line feeds are escaped.
pub(crate) fn help(out: &mut impl TextOut, text: &str) {
    escape(out, text, |byte| matches!(byte, b'\\' | b'\n'));
}

/// Appends a label value: `\`, `"` and line feeds are escaped.
pub(crate) fn label_value(out: &mut impl TextOut, text: &str) {
    escape(out, text, |byte| matches!(byte, b'\\' | b'\n' | b'"'));
}

/// Appends labels without braces and without empty ones, which are the same as absent ones.
pub(crate) fn labels<'a>(out: &mut impl TextOut, labels: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let mut comma = "";
    for (name, value) in labels.into_iter().filter(|(_, value)| !value.is_empty()) {
        out.push_all([comma, name, "=\""]);
        label_value(out, value);
        out.push_ascii(b'"');
        comma = ",";
    }
}

/// Copies runs of plain text whole; special characters are ASCII, so no character is split.
fn escape(out: &mut impl TextOut, text: &str, special: impl Fn(u8) -> bool) {
    let mut rest = text;
    while let Some(place) = rest.bytes().position(&special) {
        out.push_str(&rest[..place]);
        out.push_str(match rest.as_bytes()[place] {
            b'\n' => "\\n",
            b'"' => "\\\"",
            _ => "\\\\",
        });
        rest = &rest[place + 1..];
    }
    out.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_special_is_escaped_and_the_rest_is_kept() {
        let mut out = String::new();
        label_value(&mut out, "a\\b\"c\nd é\n");
        assert_eq!(out, r#"a\\b\"c\nd é\n"#);
    }

    #[test]
    fn a_quote_in_a_help_text_is_kept() {
        let mut out = String::new();
        help(&mut out, "say \"x\\n\"\n");
        assert_eq!(out, r#"say "x\\n"\n"#);
    }
}
