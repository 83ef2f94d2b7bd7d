//! Rust's text without what is no code: comments, strings, and items under `#[cfg(test)]`.

/// The code alone; what is left out leaves a space.
pub(crate) fn code(text: &str) -> String {
    without_tests(&without_comments(text))
}

fn without_comments(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let skipped = if rest.starts_with(b"//") {
            rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            text[at..].find("*/").map_or(rest.len(), |end| end + 2)
        } else if rest[0] == b'"' {
            string(rest)
        } else if rest[0] == b'r' && (rest.starts_with(b"r\"") || rest.starts_with(b"r#")) {
            raw_string(&text[at..])
        } else if rest[0] == b'\'' {
            character(rest)
        } else {
            0
        };
        if skipped == 0 {
            code.push(bytes[at]);
            at += 1;
        } else {
            code.push(b' ');
            at += skipped;
        }
    }
    String::from_utf8(code).expect("characters are left whole")
}

/// The length of a string in quotes.
fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// The length of a raw string, 0 if it is none but a raw identifier.
fn raw_string(rest: &str) -> usize {
    let hashes = rest[1..].bytes().take_while(|&byte| byte == b'#').count();
    let start = hashes + 2;
    if rest.as_bytes().get(start - 1) != Some(&b'"') {
        return 0;
    }
    let end = format!("\"{}", "#".repeat(hashes));
    rest[start..].find(&end).map_or(rest.len(), |found| start + found + end.len())
}

/// The length of a character in quotes, 0 if it is a lifetime.
fn character(rest: &[u8]) -> usize {
    match rest {
        [_, b'\\', ..] => rest[3..].iter().position(|&byte| byte == b'\'').map_or(0, |end| end + 4),
        [_, first, b'\'', ..] if first.is_ascii() => 3,
        [_, first, ..] if !first.is_ascii() => {
            rest[1..].iter().position(|&byte| byte == b'\'').map_or(0, |end| end + 2)
        }
        _ => 0,
    }
}

/// Removes each `#[cfg(test)]` with the item that follows.
fn without_tests(code: &str) -> String {
    let mut parts = code.split("#[cfg(test)]");
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        kept.push(' ');
        kept.push_str(&part[item(part)..]);
    }
    kept
}

/// The length of the first item: to its semicolon, or to the brace that closes it.
fn item(code: &str) -> usize {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            ';' if depth == 0 => return at + 1,
            '}' if depth <= 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

#[test]
fn comments_strings_and_tests_are_no_code() {
    let text = "use a; // use b;\nlet c = \"use \\\" d\"; /* use e; */ let f: &'static str = r#\"use \"g\"\"#; \
                let h = ['\"', '\\'', 'ä'];\n#[cfg(test)]\nmod tests { fn i() { use j; } }\nuse k;";
    let code = code(text);
    for letter in ['b', 'd', 'g', 'i', 'j'] {
        assert!(!code.contains(&format!("use {letter}")) && !code.contains(&format!("fn {letter}")), "{code}");
    }
    for kept in ["use a;", "&'static str", "let h", "use k;"] {
        assert!(code.contains(kept), "'{kept}' is not in {code}");
    }
}
