//! What is around the report on its page: the product's name and colour, the links of the served views, the style, and the
//! policy that allows that style and nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::super::charts::dark_style;
use crate::domain::Colour;

const STYLE: &str = include_str!("page.css");
/// The dark style's paper, as in the style sheet.
const DARK_PAPER: &str = "#1d1e23";
/// What the accent reaches on dark paper (WCAG 2.2, 1.4.6).
const DARK_CONTRAST: f64 = 7.0;

/// Whose report it is, and where its reader can go from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The product's name.
    pub product: String,
    /// Its colour; readable on white.
    pub colour: Colour,
    /// The served views; none in a file.
    pub nav: Option<Nav>,
}

/// Links from one served view to the others.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Nav {
    /// In the order in which they are shown.
    pub groups: Vec<NavGroup>,
}

/// Links of one kind: periods, toolkits, forms.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NavGroup {
    /// What they choose.
    pub label: String,
    /// The choices.
    pub links: Vec<NavLink>,
}

/// A view.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct NavLink {
    /// Where it is, for `href`: a path or query on this server.
    pub to: String,
    /// What it is called.
    pub label: String,
    /// Whether it is the one that is shown.
    pub current: bool,
}

impl Frame {
    /// That of a file.
    pub fn file(product: &str, colour: Colour) -> Self {
        Self { product: product.to_owned(), colour, nav: None }
    }

    /// The page's style.
    pub(super) fn style(&self) -> String {
        let dark_paper = Colour::parse(DARK_PAPER).unwrap_or(Colour::WHITE);
        STYLE
            .replace("ACCENT_LIGHT", &self.colour.to_hex())
            .replace("ACCENT_DARK", &self.colour.lightened(dark_paper, DARK_CONTRAST).to_hex())
            .replace("/* CHARTS_DARK */", &dark_style())
    }
}

/// The policy that is in the page, for a header, too; there `frame-ancestors 'none'` may be added, which a page cannot say
/// of itself (Content Security Policy Level 3, section 3.3).
pub fn content_security_policy(frame: &Frame) -> String {
    let style = STANDARD.encode(Sha256::digest(frame.style()));
    format!("default-src 'none'; style-src 'sha256-{style}'; form-action 'none'; base-uri 'none'")
}
