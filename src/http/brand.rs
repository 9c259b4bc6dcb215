//! The product's look: its colour in the pages' style, its logo from memory.
//!
//! Guarantees: text and buttons reach the contrast WCAG 2.2 asks for in light and dark, whatever colour was
//! configured (one that cannot on white was refused with the configuration); the logo is a PNG that was checked when
//! the configuration was read, and is served as nothing else.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse as _, Response};
use url::Url;

use super::Shared;
use crate::domain::Colour;

const STYLE: &str = include_str!("page.css");

/// Where the logo is, below the public URL.
pub(super) const LOGO_PATH: &str = "/logo.png";

/// The dark style's paper and ink, as in the style sheet.
const DARK_PAPER: &str = "#1d1e23";
const DARK_INK: &str = "#10131a";

/// What the accent reaches on dark paper: WCAG 2.2's enhanced contrast, because a tint of less looks dull there.
const DARK_CONTRAST: f64 = 7.0;

/// How pages look beyond the built-in style.
#[derive(Debug, Clone)]
pub struct Brand {
    /// The accent; readable on white.
    pub colour: Colour,
    /// A PNG file's bytes.
    pub logo: Option<Arc<[u8]>>,
}

impl Default for Brand {
    fn default() -> Self {
        Self { colour: Colour::ACCENT, logo: None }
    }
}

/// The look as the pages carry it.
pub(super) struct Look {
    pub(super) style: String,
    /// Where the logo is, for `src`; a path on our own host.
    pub(super) logo: Option<String>,
}

impl Look {
    /// `base` is where the pages are reached from outside; its path stands before the logo's.
    pub(super) fn of(brand: &Brand, base: Option<&Url>) -> Self {
        let known = |text| Colour::parse(text).unwrap_or(Colour::WHITE);
        let (paper, ink) = (known(DARK_PAPER), known(DARK_INK));
        let light = brand.colour;
        let dark = light.lightened(paper, DARK_CONTRAST);
        let on_dark = if ink.contrast(dark) >= Colour::WHITE.contrast(dark) { ink } else { Colour::WHITE };
        let style = STYLE
            .replace("ON_LIGHT", &Colour::WHITE.to_hex())
            .replace("ON_DARK", &on_dark.to_hex())
            .replace("LIGHT", &light.to_hex())
            .replace("DARK", &dark.to_hex());
        let below = base.map_or("", Url::path).trim_end_matches('/').to_owned();
        Self { style, logo: brand.logo.as_ref().map(|_| format!("{below}{LOGO_PATH}")) }
    }
}

/// `GET /logo.png`.
pub(super) async fn logo(State(shared): State<Arc<Shared>>) -> Response {
    let bytes = shared.logo.as_ref().map_or_else(Bytes::new, |logo| Bytes::copy_from_slice(logo));
    let headers = [
        (CONTENT_TYPE, "image/png"),
        (CACHE_CONTROL, "public, max-age=3600"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    (headers, bytes).into_response()
}
