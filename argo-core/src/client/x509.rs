//! The few parts of a certificate that rustls does not tell.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use rustls::{crypto::WebPkiSupportedAlgorithms, pki_types::SubjectPublicKeyInfoDer};

/// Parts of a certificate, borrowed from its DER bytes.
#[derive(Debug)]
pub(super) struct Certificate<'a> {
    /// The signed bytes.
    signed: &'a [u8],
    /// The algorithm of the signature, without its outer tag.
    algorithm: &'a [u8],
    signature: &'a [u8],
    pub(super) issuer: &'a [u8],
    pub(super) subject: &'a [u8],
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
    /// The public key with its algorithm, as a whole element.
    pub(super) public_key: &'a [u8],
}

impl<'a> Certificate<'a> {
    /// Takes a certificate of any version apart; `None` if it is not one.
    pub(super) fn parse(der: &'a [u8]) -> Option<Self> {
        let (outer, _) = Element::read(der, SEQUENCE)?;
        let (signed, rest) = Element::read(outer.contents, SEQUENCE)?;
        let (algorithm, rest) = Element::read(rest, SEQUENCE)?;
        let (signature, _) = Element::read(rest, BIT_STRING)?;
        let mut fields = signed.contents;
        if let Some((_version, rest)) = Element::read(fields, VERSION) {
            fields = rest;
        }
        let (_serial, fields) = Element::read(fields, INTEGER)?;
        let (_algorithm, fields) = Element::read(fields, SEQUENCE)?;
        let (issuer, fields) = Element::read(fields, SEQUENCE)?;
        let (validity, fields) = Element::read(fields, SEQUENCE)?;
        let (subject, fields) = Element::read(fields, SEQUENCE)?;
        let (public_key, _) = Element::read(fields, SEQUENCE)?;
        let (not_before, rest) = time(validity.contents)?;
        let (not_after, _) = time(rest)?;
        Some(Self {
            signed: signed.whole,
            algorithm: algorithm.contents,
            // The first byte counts the unused bits of the last one.
            signature: signature.contents.get(1..)?,
            issuer: issuer.contents,
            subject: subject.contents,
            not_before,
            not_after,
            public_key: public_key.whole,
        })
    }

    /// Returns the subject's common name, or its last part if it has none.
    pub(super) fn name(&self) -> Option<String> {
        let mut name = None;
        let mut rest = self.subject;
        while let Some((set, next)) = Element::read(rest, SET) {
            rest = next;
            let (pair, _) = Element::read(set.contents, SEQUENCE)?;
            let (kind, value) = Element::read(pair.contents, OBJECT_IDENTIFIER)?;
            let (value, _) = Element::any(value)?;
            name = Some(String::from_utf8_lossy(value.contents).into_owned());
            if kind.contents == COMMON_NAME {
                break;
            }
        }
        name
    }

    /// True if the key of an issuer has signed this certificate.
    pub(super) fn is_signed_by(
        &self,
        issuer_key: &SubjectPublicKeyInfoDer<'_>,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> bool {
        let Some((key_algorithm, key)) = public_key(issuer_key) else {
            return false;
        };
        algorithms.all.iter().any(|known| {
            known.signature_alg_id().as_ref() == self.algorithm
                && known.public_key_alg_id().as_ref() == key_algorithm
                && known
                    .verify_signature(key, self.signed, self.signature)
                    .is_ok()
        })
    }
}

/// Returns the algorithm and the bits of a public key, even of a key without its outer tag,
/// as trust anchors hold it.
fn public_key<'a>(info: &'a SubjectPublicKeyInfoDer<'_>) -> Option<(&'a [u8], &'a [u8])> {
    let whole: &[u8] = info.as_ref();
    let contents = Element::read(whole, SEQUENCE)
        .filter(|(_, rest)| rest.is_empty())
        .map_or(whole, |(outer, _)| outer.contents);
    let (algorithm, rest) = Element::read(contents, SEQUENCE)?;
    let (bits, _) = Element::read(rest, BIT_STRING)?;
    Some((algorithm.contents, bits.contents.get(1..)?))
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// One DER element.
struct Element<'a> {
    tag: u8,
    contents: &'a [u8],
    whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads the first element of `bytes` and returns it with the rest.
    fn any(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (&tag, rest) = bytes.split_first()?;
        let (&first, mut rest) = rest.split_first()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (digits, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            if digits.len() > 4 {
                return None;
            }
            length = digits
                .iter()
                .fold(0, |sum, &digit| sum << 8 | usize::from(digit));
            rest = after;
        }
        let (contents, rest) = rest.split_at_checked(length)?;
        let whole = &bytes[..bytes.len() - rest.len()];
        let element = Self {
            tag,
            contents,
            whole,
        };
        Some((element, rest))
    }

    fn read(bytes: &'a [u8], tag: u8) -> Option<(Self, &'a [u8])> {
        Self::any(bytes).filter(|(element, _)| element.tag == tag)
    }
}

/// Reads a time: two digits of the year in a `UTCTime`, else four.
fn time(bytes: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (element, rest) = Element::any(bytes)?;
    let text = std::str::from_utf8(element.contents).ok()?;
    let (year, text) = if element.tag == UTC_TIME {
        let year: i16 = text.get(..2)?.parse().ok()?;
        (
            if year < 50 { 2000 + year } else { 1900 + year },
            text.get(2..)?,
        )
    } else {
        (text.get(..4)?.parse().ok()?, text.get(4..)?)
    };
    let part = |from: usize| text.get(from..from + 2)?.parse::<i8>().ok();
    let time = DateTime::new(
        year,
        part(0)?,
        part(2)?,
        part(4)?,
        part(6)?,
        part(8).unwrap_or(0),
        0,
    );
    let time = time.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some((time, rest))
}
