//! Turns a chart's SVG into a PNG for mail programs, which show no SVG.
//!
//! The drawing is the same as in the HTML report; only its ground is painted white, so that it can be read whatever colours
//! the mail program gives the page around it. Letters come from the fonts in `font/`: nothing of the machine is looked at,
//! so the same chart gives the same bytes everywhere. Nothing is loaded that a drawing names.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::Database;
use resvg::usvg::{self, Tree};

/// Pixels of the picture for each of the drawing: sharp on screens that show two for one.
const SCALE: f32 = 2.0;
/// White around the drawing, in its own pixels.
const MARGIN: f32 = 8.0;
/// No chart of ours is near it; four bytes of memory for each pixel.
const MAX_SIDE: f32 = 4_000.0;

/// What the fonts in `font/` are called.
const FAMILY: &str = "DejaVu Sans";

static FONTS: LazyLock<Arc<Database>> = LazyLock::new(|| {
    let mut fonts = Database::new();
    for font in [&include_bytes!("font/DejaVuSans.ttf")[..], &include_bytes!("font/DejaVuSans-Bold.ttf")[..]] {
        fonts.load_font_data(font.to_vec());
    }
    // Whatever family a drawing asks for; the last resort is "serif".
    fonts.set_serif_family(FAMILY);
    fonts.set_sans_serif_family(FAMILY);
    Arc::new(fonts)
});

/// A chart cannot be made into a picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// It is no SVG.
    #[error("a chart cannot be read")]
    Read(#[from] usvg::Error),
    /// It has no size, or one beyond [`MAX_SIDE`].
    #[error("a chart has no size a picture can have")]
    Size,
    /// It cannot be encoded.
    #[error("a chart cannot be written as PNG ({0})")]
    Write(String),
}

/// The PNG of a drawing, and its size as it is to be shown.
pub(super) fn picture(svg: &str) -> Result<(Vec<u8>, u32, u32), PictureError> {
    let options = usvg::Options {
        fontdb: Arc::clone(&FONTS),
        font_family: FAMILY.to_owned(),
        image_href_resolver: nothing_is_loaded(),
        ..usvg::Options::default()
    };
    let tree = Tree::from_str(svg, &options)?;
    let (width, height) = (tree.size().width() + 2.0 * MARGIN, tree.size().height() + 2.0 * MARGIN);
    if width > MAX_SIDE || height > MAX_SIDE {
        return Err(PictureError::Size);
    }
    let mut pixels = Pixmap::new(whole(width * SCALE), whole(height * SCALE)).ok_or(PictureError::Size)?;
    pixels.fill(Color::WHITE);
    let placed = Transform::from_scale(SCALE, SCALE).pre_translate(MARGIN, MARGIN);
    resvg::render(&tree, placed, &mut pixels.as_mut());
    let png = pixels.encode_png().map_err(|error| PictureError::Write(error.to_string()))?;
    Ok((png, whole(width), whole(height)))
}

fn nothing_is_loaded() -> usvg::ImageHrefResolver<'static> {
    usvg::ImageHrefResolver { resolve_data: Box::new(|_, _, _| None), resolve_string: Box::new(|_, _| None) }
}

/// A length within [`MAX_SIDE`] in whole pixels.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and twice MAX_SIDE")]
fn whole(length: f32) -> u32 {
    length.ceil() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(body: &str) -> String {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100\" height=\"40\">{body}</svg>")
    }

    /// How many pixels of it are not white.
    fn inked(svg: &str) -> usize {
        let pixels = Pixmap::decode_png(&picture(svg).unwrap().0).unwrap();
        assert_eq!((pixels.width(), pixels.height()), (232, 112), "twice the drawing and its margin");
        pixels.pixels().iter().filter(|pixel| (pixel.red(), pixel.green(), pixel.blue()) != (255, 255, 255)).count()
    }

    #[test]
    fn letters_and_shapes_are_drawn_without_a_font_of_the_machine() {
        let text = |of: &str, more: &str| {
            drawing(&format!("<text x=\"4\" y=\"24\" font-size=\"13\" font-family=\"system-ui\"{more}>{of}</text>"))
        };
        assert_eq!(inked(&drawing("")), 0);
        assert_eq!(inked(&text("", "")), 0);
        let (regular, bold) =
            (inked(&text("Größe 1,234 % · –", "")), inked(&text("Größe 1,234 % · –", " font-weight=\"bold\"")));
        assert!(regular > 500 && bold > regular, "{regular} {bold}");
        assert!(inked(&drawing("<rect width=\"10\" height=\"10\" fill=\"#246\"/>")) >= 400);
        assert_eq!(picture(&text("a", "")).unwrap(), picture(&text("a", "")).unwrap(), "the same bytes");
    }

    #[test]
    fn what_is_no_drawing_is_an_error_and_nothing_is_loaded() {
        assert!(matches!(picture("<svg"), Err(PictureError::Read(_))));
        assert!(picture("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9999\" height=\"9\"/>").is_err());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(inked(&drawing(&format!("<image href=\"{file}\" width=\"50\" height=\"30\"/>"))), 0);
    }
}
