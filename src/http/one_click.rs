//! Tells the one body that unsubscribes from every other.
//!
//! Turns a POST's content type and body into what it says: `List-Unsubscribe=One-Click`, alone, as a URL-encoded form
//! or as a multipart form (RFC 8058, section 3.1); another URL-encoded form, which may be one of our page's; or
//! nothing, whatever it looks like.

use axum::body::Bytes;
use axum::extract::{FromRequest as _, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use url::form_urlencoded;

use super::MAX_BODY_BYTES;

const NAME: &str = "List-Unsubscribe";
const VALUE: &str = "One-Click";

/// What a POST says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Posted {
    /// No more mail.
    OneClick,
    /// Something else, in a URL-encoded form.
    Form(Bytes),
    /// Nothing that is understood.
    Else,
}

/// Reads at most 4 kB.
pub(super) async fn posted(request: Request) -> Posted {
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/x-www-form-urlencoded" => match axum::body::to_bytes(request.into_body(), MAX_BODY_BYTES).await {
            Ok(body) if urlencoded(&body) => Posted::OneClick,
            Ok(body) => Posted::Form(body),
            Err(_) => Posted::Else,
        },
        "multipart/form-data" => match Multipart::from_request(request, &()).await {
            Ok(form) => {
                if multipart(form).await {
                    Posted::OneClick
                } else {
                    Posted::Else
                }
            }
            Err(_) => Posted::Else,
        },
        _ => Posted::Else,
    }
}

fn urlencoded(body: &[u8]) -> bool {
    // Some senders end the body like a line.
    let mut pairs = form_urlencoded::parse(body.trim_ascii_end());
    let first = pairs.next();
    first.is_some_and(|(name, value)| name == NAME && value == VALUE) && pairs.next().is_none()
}

async fn multipart(mut form: Multipart) -> bool {
    let mut found = false;
    loop {
        match form.next_field().await {
            Ok(Some(field)) => {
                let named = field.name() == Some(NAME) && field.file_name().is_none();
                if found || !named || !field.text().await.is_ok_and(|text| text.trim() == VALUE) {
                    return false;
                }
                found = true;
            }
            Ok(None) => return found,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn is_one_click(request: Request) -> bool {
        posted(request).await == Posted::OneClick
    }

    fn request(content_type: &str, body: impl Into<axum::body::Body>) -> Request {
        Request::post("/u/x").header(CONTENT_TYPE, content_type).body(body.into()).unwrap()
    }

    #[tokio::test]
    async fn one_form_means_it_and_no_other() {
        let form = "application/x-www-form-urlencoded";
        for (content_type, body, expected) in [
            (form, "List-Unsubscribe=One-Click", true),
            ("Application/X-WWW-Form-Urlencoded; charset=UTF-8", "List-Unsubscribe=One-Click", true),
            (form, "List-Unsubscribe=One-Click\r\n", true),
            (form, "List%2DUnsubscribe=One%2DClick", true),
            (form, "", false),
            (form, "List-Unsubscribe", false),
            (form, "List-Unsubscribe=", false),
            (form, "List-Unsubscribe=one-click", false),
            (form, "list-unsubscribe=One-Click", false),
            (form, "List-Unsubscribe=One-Click&x=y", false),
            (form, "x=y&List-Unsubscribe=One-Click", false),
            (form, "List-Unsubscribe=One-Click&List-Unsubscribe=One-Click", false),
            ("", "List-Unsubscribe=One-Click", false),
            ("text/plain", "List-Unsubscribe=One-Click", false),
            ("application/json", r#"{"List-Unsubscribe":"One-Click"}"#, false),
            ("multipart/form-data", "List-Unsubscribe=One-Click", false),
        ] {
            assert_eq!(is_one_click(request(content_type, body)).await, expected, "{content_type} {body}");
        }
        let long = format!("List-Unsubscribe=One-Click{}", " ".repeat(MAX_BODY_BYTES));
        assert!(!is_one_click(request(form, long)).await);
    }

    #[tokio::test]
    async fn the_same_as_a_multipart_form() {
        let part = |name: &str, value: &str| {
            format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let good = part(NAME, VALUE);
        for (body, expected) in [
            (format!("{good}--b--\r\n"), true),
            (format!("{good}--b--"), true),
            (good.clone(), false),
            (format!("{good}{good}--b--\r\n"), false),
            (format!("{good}{}--b--\r\n", part("x", "y")), false),
            (format!("{}--b--\r\n", part(NAME, "no")), false),
            (format!("{}--b--\r\n", part("x", VALUE)), false),
            ("--b--\r\n".to_owned(), false),
            (String::new(), false),
        ] {
            let request = request("multipart/form-data; boundary=b", body.clone());
            assert_eq!(is_one_click(request).await, expected, "{body}");
        }
    }
}
