//! HTML as the text that its reader sees.

/// HTML as text.
pub fn html_text(html: &str) -> String {
    html.to_owned()
}
