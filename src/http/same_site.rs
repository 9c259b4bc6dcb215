//! Tells a form of our own page from one of anybody else's.
//!
//! Browsers say where a request comes from: `Sec-Fetch-Site` (Fetch Metadata) from 2023 on in all of them, `Origin`
//! before. Under our `no-referrer` the latter is `null` for our own forms, so it is compared only where it names
//! somebody. A browser that says neither is left to the form's own signature.

use axum::http::HeaderMap;
use axum::http::header::ORIGIN;
use url::Url;

/// Whether nothing about the request says that it comes from another site.
pub(super) fn is_ours(headers: &HeaderMap, public: Option<&Url>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable"));
    if let Some(site) = text("sec-fetch-site") {
        // `none`: the person repeated the request by hand, with no page involved.
        let navigates = text("sec-fetch-mode").is_none_or(|mode| mode == "navigate");
        return matches!(site, "same-origin" | "none") && navigates;
    }
    match text(ORIGIN.as_str()) {
        None | Some("null") => true,
        Some(origin) => public.is_some_and(|public| public.origin().ascii_serialization() == origin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_forms_are_ours() {
        let public = Url::parse("https://notices.acme.example/below").unwrap();
        for (headers, expected) in [
            (&[][..], true),
            (&[("origin", "null")][..], true),
            (&[("origin", "https://notices.acme.example")], true),
            (&[("origin", "https://notices.acme.example.evil.example")], false),
            (&[("origin", "http://notices.acme.example")], false),
            (&[("origin", "https://evil.example")], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], true),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "navigate")], true),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "no-cors")], false),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "null")], false),
            (&[("sec-fetch-site", "é")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, axum::http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(is_ours(&map, Some(&public)), expected, "{headers:?}");
        }
        let mut map = HeaderMap::new();
        map.insert("origin", axum::http::HeaderValue::from_static("https://notices.acme.example"));
        assert!(!is_ours(&map, None), "without a public URL nobody can be compared");
    }
}
