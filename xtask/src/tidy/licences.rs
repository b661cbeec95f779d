//! Licences of what is built, as SPDX expressions.

/// What the product may be linked with. MPL-2.0 is file-level: fine for unmodified dependencies.
const ALLOWED: [&str; 15] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Zlib",
];

/// Whether an expression can be met with allowed licences only: one side of each OR, both of each AND.
pub fn is_allowed(expression: &str) -> bool {
    let mut words = words(expression);
    words.reverse();
    let met = any(&mut words);
    met && words.is_empty()
}

/// Words and parentheses, with `X WITH Y` as one word. `/` is an old way to write OR.
fn words(expression: &str) -> Vec<String> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words: Vec<String> = Vec::new();
    for word in spaced.split_whitespace() {
        match words.last_mut() {
            Some(last) if word == "WITH" || last.ends_with(" WITH") => *last = format!("{last} {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

fn any(words: &mut Vec<String>) -> bool {
    let mut met = all(words);
    while words.pop_if(|word| word == "OR").is_some() {
        met |= all(words);
    }
    met
}

fn all(words: &mut Vec<String>) -> bool {
    let mut met = one(words);
    while words.pop_if(|word| word == "AND").is_some() {
        met &= one(words);
    }
    met
}

fn one(words: &mut Vec<String>) -> bool {
    match words.pop().as_deref() {
        Some("(") => {
            let met = any(words);
            words.pop_if(|word| word == ")").is_some() && met
        }
        Some(name) => ALLOWED.contains(&name),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_judged() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "Unlicense OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "ISC AND (Apache-2.0 OR ISC)",
        ] {
            assert!(is_allowed(good), "{good}");
        }
        for bad in
            ["", "GPL-3.0-only", "LGPL-2.0-or-later", "MIT AND AGPL-3.0-only", "(MIT", "MIT Apache-2.0", "Unlicense"]
        {
            assert!(!is_allowed(bad), "{bad}");
        }
    }
}
