//! A place on Earth (RFC 1876 §3): `52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m`.

use super::Mistake;
use super::fields::Words;

pub(super) fn read(words: &mut Words<'_, '_>) -> Result<(), Mistake> {
    let wrong = |words: &Words<'_, '_>| words.expected(FORM);
    let latitude = angle(words, 90, "N", "S").ok_or_else(|| wrong(words))?;
    let longitude = angle(words, 180, "E", "W").ok_or_else(|| wrong(words))?;
    let altitude = words.next(FORM)?;
    let altitude = metres(altitude.text).filter(|cm| (-10_000_000..=4_284_967_295).contains(cm));
    let altitude = altitude.ok_or_else(|| wrong(words))? + 10_000_000;
    let mut sizes = [0x12, 0x16, 0x13];
    for size in &mut sizes {
        if words.left.is_empty() {
            break;
        }
        let word = words.next(FORM)?;
        *size = metres(word.text).and_then(power).ok_or_else(|| wrong(words))?;
    }
    words.out.push(0);
    words.out.extend(sizes);
    words.out.extend(latitude.to_be_bytes());
    words.out.extend(longitude.to_be_bytes());
    words.out.extend((altitude as u32).to_be_bytes());
    Ok(())
}

/// Degrees, perhaps minutes and seconds, and the side of the circle; in thousandths of a second.
fn angle(words: &mut Words<'_, '_>, most: u32, plus: &str, minus: &str) -> Option<u32> {
    let mut parts = [0u32; 3];
    for index in 0..4 {
        let (word, rest) = words.left.split_first()?;
        words.left = rest;
        let side = if word.text.eq_ignore_ascii_case(plus) {
            1
        } else if word.text.eq_ignore_ascii_case(minus) {
            -1
        } else {
            *parts.get_mut(index)? = match index {
                2 => thousandths(word.text)?,
                _ => word.text.parse().ok()?,
            };
            continue;
        };
        let [degrees, minutes, thousandths] = parts;
        if index == 0 || degrees > most || minutes > 59 || thousandths >= 60_000 {
            return None;
        }
        let angle = (degrees * 60 + minutes) * 60_000 + thousandths;
        let signed = (angle <= most * 3_600_000).then_some(i64::from(angle) * side)?;
        return u32::try_from((1i64 << 31) + signed).ok();
    }
    None
}

fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.is_empty() || part.len() > 3 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let scale = 10u32.pow(3 - part.len() as u32);
    whole
        .parse::<u32>()
        .ok()
        .filter(|whole| *whole < 60)?
        .checked_mul(1_000)?
        .checked_add(part.parse::<u32>().ok()? * scale)
}

/// Metres with at most two decimals, in centimetres.
fn metres(text: &str) -> Option<i64> {
    let text = text.strip_suffix(['m', 'M']).unwrap_or(text);
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if part.len() > 2 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let scale = if part.len() < 2 { 10 } else { 1 };
    let whole: u32 = whole.parse().ok()?;
    let part: i64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    Some(sign * (i64::from(whole) * 100 + part * scale))
}

/// A size as one decimal digit and a power of ten, in centimetres.
fn power(mut centimetres: i64) -> Option<u8> {
    let mut exponent = 0u8;
    while centimetres > 9 {
        centimetres /= 10;
        exponent += 1;
    }
    (centimetres >= 0 && exponent <= 9).then_some((centimetres as u8) << 4 | exponent)
}

/// The text of 16 octets; `None` for another version or digits out of range.
pub(super) fn write(octets: &[u8]) -> Option<String> {
    let word = |at: usize| Some(u32::from_be_bytes(octets.get(at..at + 4)?.try_into().ok()?));
    let (latitude, longitude, altitude) = (word(4)?, word(8)?, word(12)?);
    if octets[0] != 0 {
        return None;
    }
    let size = |octet: u8| {
        let (digit, exponent) = (octet >> 4, octet & 15);
        let cm = i64::from(digit) * 10i64.checked_pow(u32::from(exponent))?;
        (digit <= 9 && exponent <= 9).then(|| metres_text(cm))
    };
    let circle = |angle: u32, most: u32, plus: char, minus: char| {
        let signed = i64::from(angle) - (1i64 << 31);
        let (side, angle) = (if signed < 0 { minus } else { plus }, signed.unsigned_abs());
        let (seconds, part) = (angle / 1_000, angle % 1_000);
        let (degrees, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        (angle <= u64::from(most) * 3_600_000)
            .then(|| format!("{degrees} {minutes} {seconds}.{part:03} {side}"))
    };
    Some(format!(
        "{} {} {} {} {} {}",
        circle(latitude, 90, 'N', 'S')?,
        circle(longitude, 180, 'E', 'W')?,
        metres_text(i64::from(altitude) - 10_000_000),
        size(octets[1])?,
        size(octets[2])?,
        size(octets[3])?
    ))
}

fn metres_text(centimetres: i64) -> String {
    let sign = if centimetres < 0 { "-" } else { "" };
    let cm = centimetres.unsigned_abs();
    format!("{sign}{}.{:02}m", cm / 100, cm % 100)
}

const FORM: &str = "a place, as 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m";
