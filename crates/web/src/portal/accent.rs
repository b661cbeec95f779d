//! The clinic's colour, made readable: WCAG 2.2 §1.4.3 wants a contrast of
//! 4.5 between text and its ground, in the light and in the dark.

use std::fmt;
use std::str::FromStr;

const CONTRAST_MIN: f64 = 4.5;
const WHITE: [u8; 3] = [255, 255, 255];
/// The ground of cards in the dark style sheet.
const DARK_GROUND: [u8; 3] = [0x17, 0x22, 0x29];

/// A colour for buttons and links, dark enough for white letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent([u8; 3]);

/// Why a text is no accent.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AccentError {
    /// Not `#rrggbb`.
    #[error("a colour is written as #rrggbb")]
    Form,
    /// White letters on it could not be read by everybody.
    #[error("the contrast of the colour to white is {0:.1}; WCAG 2.2 wants at least {CONTRAST_MIN}")]
    Contrast(f64),
}

impl FromStr for Accent {
    type Err = AccentError;

    fn from_str(text: &str) -> Result<Self, AccentError> {
        let hex = text
            .strip_prefix('#')
            .filter(|hex| hex.len() == 6 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or(AccentError::Form)?;
        let mut rgb = [0; 3];
        for (channel, digits) in rgb.iter_mut().zip([0..2, 2..4, 4..6]) {
            let digits = hex.get(digits).ok_or(AccentError::Form)?;
            *channel = u8::from_str_radix(digits, 16).map_err(|_| AccentError::Form)?;
        }
        let found = contrast(rgb, WHITE);
        if found < CONTRAST_MIN { Err(AccentError::Contrast(found)) } else { Ok(Self(rgb)) }
    }
}

impl Accent {
    /// The rules that the style sheet ends with: the colour itself, and a
    /// lighter one of the same hue for the dark.
    pub(super) fn css(self) -> String {
        let light = Hex(self.0);
        let dark = Hex(self.lightened());
        format!(
            ":root{{--accent:{light};--link:{light}}}\n\
             @media (prefers-color-scheme:dark){{:root{{--accent:{light};--link:{dark};--focus:{dark}}}}}\n"
        )
    }

    fn lightened(self) -> [u8; 3] {
        (0..=20u16)
            .map(|step| self.0.map(|channel| mixed(channel, step)))
            .find(|rgb| contrast(*rgb, DARK_GROUND) >= CONTRAST_MIN)
            .unwrap_or(WHITE)
    }
}

/// The channel with `step` twentieths of white.
fn mixed(channel: u8, step: u16) -> u8 {
    let channel = u16::from(channel);
    u8::try_from(channel + (255 - channel) * step / 20).unwrap_or(u8::MAX)
}

/// Contrast ratio (WCAG 2.2, "contrast ratio").
fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// Relative luminance (WCAG 2.2, "relative luminance").
fn luminance(rgb: [u8; 3]) -> f64 {
    let [red, green, blue] = rgb.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

struct Hex([u8; 3]);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hex([red, green, blue]) = self;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_must_bear_white_letters() {
        assert!("#0b5a6e".parse::<Accent>().is_ok());
        assert!(matches!("#ffcc00".parse::<Accent>(), Err(AccentError::Contrast(found)) if found < 2.0));
        for bad in ["", "0b5a6e", "#0b5a6", "#0b5a6g", "#0b5a6ee", "#ñ5a6", "red", "#+b5a6e"] {
            assert_eq!(bad.parse::<Accent>(), Err(AccentError::Form), "{bad}");
        }
    }

    #[test]
    fn every_accent_can_be_read_in_the_dark() {
        for dark in ["#000000", "#0b5a6e", "#7a0019", "#00247d", "#3b3b3b"] {
            let accent: Accent = dark.parse().unwrap();
            assert!(contrast(accent.lightened(), DARK_GROUND) >= CONTRAST_MIN, "{dark}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((contrast([0, 0, 0], WHITE) - 21.0).abs() < 0.001);
        assert!((contrast([0x77, 0x77, 0x77], WHITE) - 4.48).abs() < 0.01);
    }
}
