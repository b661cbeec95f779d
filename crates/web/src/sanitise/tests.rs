//! What comes out of the sanitiser, and that it comes out the same again.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Tag, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use proptest::prelude::*;

use super::*;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

fn pictures() -> Pictures {
    [("logo".to_owned(), Picture::new(PNG).unwrap())].into_iter().collect()
}

fn clean(source: &str) -> String {
    html(source, &pictures()).unwrap()
}

fn check(source: &str, expect: &str) {
    assert_eq!(clean(source), expect, "{source}");
}

#[test]
fn a_letter_keeps_its_looks() {
    check(
        "<p style=\"color:red\">Hi <b>there</b></p><ul><li>one</ul>",
        "<p style=\"color:red\">Hi <b>there</b></p><ul><li>one</li></ul>",
    );
    check(
        "<table width=600 bgcolor='#fff'><tr><td align=center>x</td></tr></table>",
        "<table width=\"600\" bgcolor=\"#fff\"><tbody><tr><td align=\"center\">x</td></tr></tbody></table>",
    );
    check("<html><head><title>t</title><style>p{}</style></head><body>x</body></html>", "x");
}

#[test]
fn links_open_outside_and_lead_only_where_links_may() {
    for good in ["https://x.example/", "http://x.example/", "mailto:p@x.example", "tel:+15550100"] {
        check(
            &format!("<a href='{good}' target=_top rel=opener>x</a>"),
            &format!("<a href=\"{good}\" target=\"_blank\" rel=\"noopener noreferrer\">x</a>"),
        );
    }
    let bad = [
        "javascript:alert(1)",
        "JaVaScript:alert(1)",
        "java\nscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "data:text/html,x",
        "data:image/png;base64,iVBORw0KGgo=",
        "vbscript:x",
        "cid:logo",
        "//x.example",
        "/m/x",
        "#x",
        "ftp://x",
    ];
    for bad in bad {
        check(&format!("<a href=\"{bad}\">x</a>"), "<a target=\"_blank\" rel=\"noopener noreferrer\">x</a>");
    }
}

#[test]
fn pictures_come_from_the_message_alone() {
    let shown = clean("<img src='cid:logo' alt='Logo' width=10>");
    assert!(shown.starts_with("<img src=\"data:image/png;base64,") && shown.contains("alt=\"Logo\""), "{shown}");
    check("<img src='https://evil.example/pixel.gif' width=1>", "<img alt=\"\" width=\"1\">");
    check("<img src='cid:other'><img srcset='https://evil.example/x 1x'>", "<img alt=\"\"><img alt=\"\">");
    check("<body background='https://evil.example/x'><td background=x>y", "y");
    check("<video poster=https://evil.example/x><source src=x></video><input type=image src=x>", "");
}

#[test]
fn what_runs_or_asks_goes() {
    check("a<script>alert(1)</script>b", "ab");
    check("<p onclick=alert(1) onmouseover='x' id=a class=b>x</p>", "<p>x</p>");
    check("<form action=https://evil.example><input name=x><button>Send</button></form>", "Send");
    check("<iframe srcdoc='<script>1</script>'></iframe><object data=x>y</object><embed src=x>", "");
    check("<svg><script>1</script><a href='javascript:1'>x</a></svg><math><mi>x</mi></math>z", "z");
    check(
        "<base href=https://evil.example><meta http-equiv=refresh content='0;url=x'><link rel=stylesheet href=x>y",
        "y",
    );
    check("<!-- x --><![CDATA[<script>1</script>]]>y<?xml x?>", "1]]&gt;y");
}

#[test]
fn known_mutations_come_to_rest() {
    for source in [
        "<svg></p><style><a id=\"</style><img src=1 onerror=alert(1)>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<a><a><table><a><b><p><table></a><td><a></b>",
        "<xmp><p title=\"</xmp><img src=x onerror=alert(1)>\">",
        "<textarea><p title=\"</textarea><img src=x onerror=alert(1)>\">",
        "<select><template><img src=x onerror=alert(1)>",
        "<p title='<img \"onmouseover=alert(1) x=\"'>x<img>",
        "<p title='\"><img onerror=alert(1)>'>x<img title='\">'>",
    ] {
        harmless(source);
    }
}

#[test]
fn a_bomb_is_not_rendered() {
    let open: String = (0..400).map(|number| format!("<font size={number}>")).collect();
    let bomb = format!("<p>{open}{}", "<p>x".repeat(50_000));
    assert_eq!(html(&bomb, &Pictures::default()), Err(NotRendered::Elements));
    assert_eq!(html(&"<div>".repeat(100_000), &Pictures::default()), Err(NotRendered::Elements));
    assert_eq!(html(&"x".repeat(2_000_001), &Pictures::default()), Err(NotRendered::Size));
}

#[test]
fn a_picture_shown_often_is_shown_within_bounds() {
    let bytes = [PNG, &vec![0; 3_000_000]].concat();
    let pictures: Pictures = [("big".to_owned(), Picture::new(&bytes).unwrap())].into_iter().collect();
    let shown = html(&"<img src=cid:big>".repeat(100), &pictures);
    assert!(shown.is_ok_and(|shown| shown.len() < 2 * PICTURE_BYTES_MAX));
}

/// Sanitises and judges what came out: by a tokeniser, and by being at rest.
fn harmless(source: &str) {
    let Ok(clean) = html(source, &pictures()) else { return };
    let tags = tags(&clean);
    for tag in &tags {
        assert!(TAGS.contains(&tag.name.as_ref()), "<{}> of {source}", tag.name);
        for attribute in &tag.attrs {
            let (name, value) = (attribute.name.local.as_ref(), attribute.value.trim_ascii().to_ascii_lowercase());
            let fine = match name {
                "href" => is_link(&value),
                "src" => value.starts_with("data:image/"),
                "style" => style::safe(&value).is_some(),
                name => !name.starts_with("on") && !["srcset", "action", "background", "id", "class"].contains(&name),
            };
            assert!(fine, "{name}={value} of {source}");
        }
    }
    assert_eq!(html(&clean, &pictures()).as_ref(), Ok(&clean), "at rest: {source}");
}

fn tags(html: &str) -> Vec<Tag> {
    #[derive(Default)]
    struct Tags(RefCell<Vec<Tag>>);
    impl TokenSink for Tags {
        type Handle = ();
        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            match token {
                Token::TagToken(tag) => self.0.borrow_mut().push(tag),
                Token::CommentToken(comment) => panic!("a comment: {comment}"),
                Token::DoctypeToken(_) => panic!("a document type"),
                _ => {}
            }
            TokenSinkResult::Continue
        }
    }
    let tokenizer = Tokenizer::new(Tags::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    let _done = tokenizer.feed(&input);
    tokenizer.end();
    tokenizer.sink.0.into_inner()
}

/// What tree builders stumble over, to be strewn at random.
const SHARDS: &[&str] = &[
    "<b>",
    "</b>",
    "<i style='color:red'>",
    "<p>",
    "</p>",
    "<div>",
    "</div>",
    "<table>",
    "<td>",
    "</table>",
    "<a href=x:y>",
    "<a href=https://x>",
    "</a>",
    "<svg>",
    "</svg>",
    "<math>",
    "<mtext>",
    "<style>",
    "</style>",
    "<script>",
    "</script>",
    "<form>",
    "</form>",
    "<select>",
    "<option>",
    "<template>",
    "<noscript>",
    "<title>",
    "<img src=cid:logo>",
    "<img src=x onerror=alert(1)>",
    "<img title='",
    "<p title='<img ",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "\"",
    "'",
    ">",
    "<",
    "&lt;",
    "&#x3c;script>",
    "text",
    "\0",
    "ñ",
    "<font color=red>",
    "</font>",
    "<plaintext>",
    "<xmp>",
    "<frameset>",
    "<body onload=x>",
    "<h1>",
    "<ul>",
    "<li>",
    "<annotation-xml encoding=text/html>",
    "<foreignobject>",
    "<desc>",
    "<br/>",
    "</br>",
    "</p x=y>",
    "<pre>\n\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn soup_is_harmless_and_at_rest(shards in prop::collection::vec(prop::sample::select(SHARDS), 0..60)) {
        harmless(&shards.concat());
    }

    #[test]
    fn any_text_is_harmless(source in "\\PC{0,200}") {
        harmless(&source);
    }
}

#[test]
fn the_suite_is_harmless() {
    let Some(suite) = std::env::var_os("SEALPOST_SUITES").map(|root| PathBuf::from(root).join("html-sanitizer")) else {
        eprintln!("not run: SEALPOST_SUITES names no folder with html-sanitizer");
        return;
    };
    let mut inputs = Vec::new();
    collect(&suite, &mut inputs);
    assert!(inputs.len() > 4_000, "only {} inputs in {}", inputs.len(), suite.display());
    inputs.iter().for_each(|input| harmless(input));
    eprintln!("{} inputs are harmless and at rest", inputs.len());
}

/// Every file as a whole, every line of the lists, every string of the JSON files.
fn collect(folder: &Path, inputs: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, inputs);
            continue;
        }
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        if path.extension().is_some_and(|extension| extension == "json") {
            strings(&serde_json::from_str(&text).unwrap(), inputs);
        } else {
            inputs.extend(text.lines().map(str::to_owned));
        }
        inputs.push(text);
    }
}

fn strings(value: &serde_json::Value, inputs: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => inputs.push(text.clone()),
        serde_json::Value::Array(values) => values.iter().for_each(|value| strings(value, inputs)),
        serde_json::Value::Object(values) => values.values().for_each(|value| strings(value, inputs)),
        _ => {}
    }
}
