//! Colours in which equal distances look about equal: Oklab (Björn Ottosson, 2020).

/// Lightness (0 to 1), green–red and blue–yellow of an sRGB pixel.
pub(crate) fn oklab([r, g, b]: [u8; 3]) -> [f32; 3] {
    let [r, g, b] = [r, g, b].map(linear);
    let l = (0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b).cbrt();
    let m = (0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b).cbrt();
    let s = (0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b).cbrt();
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// The amount of light behind an sRGB byte, 0 to 1.
fn linear(byte: u8) -> f32 {
    let value = f32::from(byte) / 255.0;
    if value <= 0.040_45 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greys_have_no_hue_and_yellow_lies_opposite_to_blue() {
        for grey in [0, 100, 255] {
            let [_, a, b] = oklab([grey; 3]);
            assert!(a.abs() < 1e-4 && b.abs() < 1e-4);
        }
        assert!((oklab([255; 3])[0] - 1.0).abs() < 1e-4);
        assert!(oklab([255, 200, 0])[2] > 0.1 && oklab([0, 0, 255])[2] < -0.1);
    }
}
