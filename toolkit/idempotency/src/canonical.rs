//! Canonical JSON ([RFC 8785](https://www.rfc-editor.org/rfc/rfc8785)): one text for one value, so that equal things have
//! equal hashes, however their sender ordered members or wrote numbers.

use serde_json::Value;

/// The greatest integer up to which every one is its own IEEE 754 double, which is what RFC 8785 takes numbers for.
const EXACT: u64 = 1 << 53;
const EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;

/// A value that RFC 8785 cannot tell from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a number beyond 2^53 is not exact in canonical JSON: make it a string")]
pub struct Inexact;

/// The canonical form of a value, in UTF-8.
///
/// # Errors
/// [`Inexact`] where an integer lies beyond 2^53: its neighbour would have the same form, and two ids would become one.
pub fn canonical(value: &Value) -> Result<Vec<u8>, Inexact> {
    if !is_exact(value) {
        return Err(Inexact);
    }
    // A value has string keys and finite numbers only, so nothing is left that could be refused.
    serde_json_canonicalizer::to_vec(value).map_err(|_| Inexact)
}

/// The canonical form of what names a thing. Beyond 2^53 a number is refused however it is written: an id of more than
/// twenty digits is read as a double, and so is its neighbour.
pub(crate) fn canonical_name(value: &Value) -> Result<Vec<u8>, Inexact> {
    if has_great_double(value) { Err(Inexact) } else { canonical(value) }
}

fn has_great_double(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64() && number.as_f64().is_some_and(|it| it.abs() >= EXACT_DOUBLE),
        Value::Array(items) => items.iter().any(has_great_double),
        Value::Object(members) => members.values().any(has_great_double),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_u64().is_none_or(|it| it <= EXACT) && number.as_i64().is_none_or(|it| it.unsigned_abs() <= EXACT)
        }
        Value::Array(items) => items.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(json: &str) -> String {
        String::from_utf8(canonical(&serde_json::from_str(json).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_has_its_form() {
        // RFC 8785, section 3.2.2 and 3.2.3.
        let input = r#"{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#;
        let output = r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#;
        assert_eq!(form(input), output);
    }

    #[test]
    fn members_are_ordered_by_utf_16_code_units() {
        // RFC 8785, section 3.2.3: U+1F600 (surrogates D83D DE00) stands before U+FB33, though its code point is greater.
        let input = r#"{"\u20ac":1,"\r":2,"\ufb33":3,"1":4,"\ud83d\ude00":5,"\u0080":6,"\u00f6":7}"#;
        assert_eq!(form(input), "{\"\\r\":2,\"1\":4,\"\u{80}\":6,\"ö\":7,\"€\":1,\"😀\":5,\"\u{fb33}\":3}");
    }

    #[test]
    fn numbers_are_written_as_ecmascript_does() {
        // RFC 8785, appendix B.
        for (bits, text) in [
            (0x0000_0000_0000_0000, "0"),
            (0x8000_0000_0000_0000, "0"),
            (0x0000_0000_0000_0001, "5e-324"),
            (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
            (0x4340_0000_0000_0000, "9007199254740992"),
            (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
            (0x44b5_2d02_c7e1_4af6, "1e+23"),
            (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
            (0x444b_1ae4_d6e2_ef50, "1e+21"),
            (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
            (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
            (0x41b3_de43_5555_5553, "333333333.3333332"),
            (0x41b3_de43_5555_5557, "333333333.33333343"),
            (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
            (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
        ] {
            let value = Value::from(f64::from_bits(bits));
            assert_eq!(canonical(&value).unwrap(), text.as_bytes(), "{bits:016x}");
        }
    }

    #[test]
    fn numbers_that_would_fall_together_are_refused() {
        assert_eq!(canonical(&Value::from(EXACT)).unwrap(), b"9007199254740992");
        assert_eq!(canonical(&serde_json::json!({"id": [EXACT + 1]})), Err(Inexact));
        assert_eq!(canonical(&Value::from(-9_007_199_254_740_993_i64)), Err(Inexact));
    }
}
