//! The dates of HTTP (RFC 9110, 5.6.7), as far as they are sent: `Sun, 06 Nov 1994 08:49:37 GMT`.

use core::time::Duration;

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while_m_n};
use nom::character::complete::char;
use nom::combinator::{all_consuming, map_opt, map_res, opt, value};
use nom::{IResult, Parser};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Time since the epoch; `None` for what is no such date, or one before 1970. The day of the week does not count.
pub fn parse(text: &str) -> Option<Duration> {
    let (_, seconds) = all_consuming(date).parse(text.trim()).ok()?;
    Some(Duration::from_secs(seconds))
}

/// ```text
/// IMF-fixdate = day-name "," SP 2DIGIT SP month SP 4DIGIT SP 2DIGIT ":" 2DIGIT ":" 2DIGIT SP "GMT"
/// ```
fn date(input: &str) -> IResult<&str, u64> {
    let (input, _) = (take(3usize), tag(", ")).parse(input)?;
    let (input, (day, _, month, _, year, _)) =
        (number(2), char(' '), month, char(' '), number(4), char(' ')).parse(input)?;
    let (input, (hour, _, minute, _, second, _)) = (
        number(2),
        char(':'),
        number(2),
        char(':'),
        number(2),
        tag(" GMT"),
    )
        .parse(input)?;
    let possible = (1..=31).contains(&day) && hour < 24 && minute < 60 && second <= 60;
    let days = days(year, month, day).filter(|_| possible);
    let seconds = days.map(|days| ((days * 24 + hour) * 60 + minute) * 60 + second);
    match seconds {
        Some(seconds) => Ok((input, seconds)),
        None => Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Verify,
        ))),
    }
}

fn number<'a>(
    digits: usize,
) -> impl Parser<&'a str, Output = u64, Error = nom::error::Error<&'a str>> {
    map_res(take(digits), |text: &str| {
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit());
        if decimal { text } else { "" }.parse()
    })
}

/// The month, counted from 1.
fn month(input: &str) -> IResult<&str, u64> {
    let place = |name: &str| MONTHS.iter().position(|month| *month == name);
    map_opt(take(3usize), |name| u64::try_from(place(name)? + 1).ok()).parse(input)
}

/// Days since the epoch in the Gregorian calendar. Years are counted from March, so that February is the last month, in
/// cycles of 400 years, which all have 146,097 days.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let (year, month) = match month {
        0..3 => (year.checked_sub(1)?, month + 9),
        _ => (year, month - 3),
    };
    let (cycle, of_cycle) = (year / 400, year % 400);
    let of_year = (153 * month + 2) / 5 + day - 1;
    let days = cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year;
    days.checked_sub(719_468)
}

/// Time since the epoch of `2018-12-04T20:12:00+0000`, as Python's `%Y-%m-%dT%H:%M:%S%z` reads it; what lies before the epoch
/// is the epoch.
///
/// ```text
/// zoned = 4DIGIT "-" number "-" number "T" number ":" number ":" number zone       ; number = 1*2DIGIT
/// zone  = "Z" / ( "+" / "-" ) 2DIGIT [ ":" ] 2DIGIT
/// ```
pub fn parse_zoned(text: &str) -> Option<Duration> {
    let (_, seconds) = all_consuming(zoned).parse(text).ok()?;
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn zoned(input: &str) -> IResult<&str, i64> {
    let short = || {
        map_res(
            take_while_m_n(1, 2, |c: char| c.is_ascii_digit()),
            str::parse,
        )
    };
    let (input, (year, _, month, _, day, _)) =
        (number(4), char('-'), short(), char('-'), short(), char('T')).parse(input)?;
    let (input, (hour, _, minute, _, second)) =
        (short(), char(':'), short(), char(':'), short()).parse(input)?;
    let (input, zone) = alt((value(0, char('Z')), zone)).parse(input)?;
    let possible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 62;
    if !possible {
        let kind = nom::error::ErrorKind::Verify;
        return Err(nom::Err::Error(nom::error::Error::new(input, kind)));
    }
    let seconds =
        days(year, month, day).map(|days| ((days * 24 + hour) * 60 + minute) * 60 + second);
    let seconds = seconds.and_then(|seconds| i64::try_from(seconds).ok());
    Ok((input, seconds.map_or(0, |seconds| seconds - zone)))
}

/// How far a zone is ahead, in seconds.
fn zone(input: &str) -> IResult<&str, i64> {
    let sign = alt((value(1, char('+')), value(-1, char('-'))));
    let (input, (sign, hours, _, minutes)) =
        (sign, number(2), opt(char(':')), number(2)).parse(input)?;
    let seconds = i64::try_from((hours * 60 + minutes) * 60).unwrap_or(0);
    Ok((input, sign * seconds))
}

/// How long a `Retry-After` (RFC 9110, 10.2.3) asks to wait, in seconds: a number, or a date as seen at the time `from`, which
/// the other side says it is.
pub fn seconds_until(text: &str, from: Option<Duration>) -> Option<u32> {
    let seconds = text.trim().parse().ok();
    seconds.or_else(|| {
        let wait = parse(text)?.saturating_sub(from?);
        u32::try_from(wait.as_secs()).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            (" Tue, 31 Dec 2024 23:59:60 GMT ", 1_735_689_600),
            ("Fri, 01 Jan 2100 00:00:00 GMT", 4_102_444_800),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn dates_with_a_zone_are_read() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2018-12-04T20:12:00+0000", Some(1_543_954_320)),
            ("2018-12-04T20:12:00-01:30", Some(1_543_959_720)),
            ("2018-2-4T2:1:0+0000", Some(1_517_709_660)),
            ("1960-01-01T00:00:00+0000", Some(0)),
            ("2018-13-04T20:12:00+0000", None),
            ("2018-12-04T24:12:00+0000", None),
            ("2018-12-04T20:12:00", None),
            ("2018-12-04 20:12:00+0000", None),
            ("2018-12-04T20:12:00+000", None),
        ] {
            let expected = seconds.map(Duration::from_secs);
            assert_eq!(parse_zoned(text), expected, "{text}");
        }
    }

    #[test]
    fn a_pause_is_a_number_or_a_date() {
        let now = parse("Sun, 06 Nov 1994 08:49:37 GMT");
        for (text, want) in [
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:50:00 GMT", Some(23)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Sun, 06 Nov 9994 08:49:00 GMT", None),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(seconds_until(text, now), want, "{text}");
        }
        assert_eq!(seconds_until("Sun, 06 Nov 1994 08:50:00 GMT", None), None);
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 0000 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT.",
            "S\u{e9}n, 06 N\u{f6}v 1994 08:49:37 GMT",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
