//! Source text with everything blanked that is no code of the product: comments, texts, tests. Lines and
//! columns stay where they were.

/// One file of `src`.
pub struct Source<'a> {
    pub path: &'a str,
    /// As it was written.
    pub raw: Vec<&'a str>,
    /// Comments, the inside of texts and characters, and test modules blanked.
    pub code: String,
}

impl<'a> Source<'a> {
    pub fn new(path: &'a str, text: &'a str) -> Self {
        let mut code = blank_texts(text);
        if path.ends_with("_tests.rs") {
            code = code.chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        }
        Self { path, raw: text.lines().collect(), code: blank_tests(&code) }
    }

    /// The line of a byte offset into `code`, counted from 1.
    pub fn line_of(&self, offset: usize) -> usize {
        self.code[..offset].matches('\n').count() + 1
    }

    /// Where `word` stands in the code and is not part of a longer name.
    pub fn find(&self, word: &str) -> Vec<usize> {
        let named = |c: char| c.is_alphanumeric() || c == '_';
        let begins_with_name = word.starts_with(named);
        self.code
            .match_indices(word)
            .map(|(at, _)| at)
            .filter(|at| !begins_with_name || !self.code[..*at].ends_with(named))
            .collect()
    }
}

/// Replaces comments and the inside of texts and character literals by blanks.
fn blank_texts(text: &str) -> String {
    let bytes: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = end_of_literal(&bytes, at);
        if end > at {
            out.extend(bytes[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `at` where none begins.
fn end_of_literal(text: &[char], at: usize) -> usize {
    let next = text.get(at + 1).copied();
    let named = |c: &char| c.is_alphanumeric() || *c == '_';
    let word_before = at > 0 && text.get(at - 1).is_some_and(named);
    match text[at] {
        '/' if next == Some('/') => (at..text.len()).find(|i| text[*i] == '\n').unwrap_or(text.len()),
        '/' if next == Some('*') => end_of_block(text, at),
        '"' => end_of_text(text, at),
        'r' if !word_before || text.get(at - 1) == Some(&'b') => end_of_raw(text, at),
        '\'' if next == Some('\\') => {
            // The character after the backslash may itself be a quote.
            (at + 3..text.len()).find(|i| text[*i] == '\'').map_or(text.len(), |i| i + 1)
        }
        '\'' if text.get(at + 2) == Some(&'\'') => at + 3,
        _ => at,
    }
}

fn end_of_block(text: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i + 1 < text.len() {
        match (text[i], text[i + 1]) {
            ('/', '*') => (depth, i) = (depth + 1, i + 2),
            ('*', '/') => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            return i;
        }
    }
    text.len()
}

fn end_of_text(text: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < text.len() {
        match text[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    text.len()
}

fn end_of_raw(text: &[char], at: usize) -> usize {
    let hashes = text[at + 1..].iter().take_while(|c| **c == '#').count();
    let open = at + 1 + hashes;
    if text.get(open) != Some(&'"') {
        return at;
    }
    let closes = |i: &usize| text[*i] == '"' && text[i + 1..].iter().take_while(|c| **c == '#').count() >= hashes;
    (open + 1..text.len()).find(closes).map_or(text.len(), |i| i + 1 + hashes)
}

/// Replaces every item under `#[cfg(test)]` by blanks.
fn blank_tests(code: &str) -> String {
    let mut out = code.to_owned();
    while let Some(start) = out.find("#[cfg(test)]") {
        let body = out[start..].find(['{', ';']).map_or(out.len(), |at| start + at);
        let end = if out[body..].starts_with('{') { closing(&out, body, '{', '}') } else { (body + 1).min(out.len()) };
        let blank: String = out[start..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out.replace_range(start..end, &blank);
    }
    out
}

/// The offset behind the bracket that closes the one at `open`.
pub fn closing(code: &str, open: usize, left: char, right: char) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code[open..].char_indices() {
        if c == left {
            depth += 1;
        } else if c == right {
            depth -= 1;
            if depth == 0 {
                return open + at + c.len_utf8();
            }
        }
    }
    code.len()
}

#[test]
fn only_code_is_left() {
    let squeezed = |text: &str| {
        let lines =
            text.lines().map(|line| line.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("|")
    };
    for (text, expected) in [
        ("a // b\nc", "a|c"),
        ("a /* b /* c */ d */ e", "a e"),
        ("f( \"a \\\" b\" , x)", "f( , x)"),
        ("r#\"a\" b\"# c", "c"),
        ("br\"a\\\" b", "b b"),
        ("let x = '\"' ; y", "let x = ; y"),
        ("'\\'' y", "y"),
        ("'\\u{1b}' y", "y"),
        ("fn f<'a>(x: &'a str)", "fn f<'a>(x: &'a str)"),
        ("r#type x", "r#type x"),
        ("x\n#[cfg(test)]\nmod t {\n a { }\n}\ny", "x|||||y"),
        ("#[cfg(test)]\nmod t;\ny", "||y"),
    ] {
        let code = Source::new("src/x.rs", text).code;
        assert_eq!(squeezed(&code), expected, "{text}");
        assert_eq!(code.chars().count(), text.chars().count(), "{text}");
    }
    assert_eq!(Source::new("src/x_tests.rs", "a\nb").code, " \n ");
}
