//! What lies in a ledger's store, read and described: the root, headers, states.

use bytes::Bytes;

use super::format::{Encoding, Found};
use super::header::{Header, Root, parse};
use super::keys;
use super::retry::{Patience, retried};
use super::saved::{self, SavedState, StateAt};
use crate::store::{About, Store};
use crate::{Error, ErrorKind, Position};

/// The root of the ledger in a store, if it has one.
pub(super) async fn root_of(store: &dyn Store) -> Result<Option<Root>, Error> {
    match retried(|| store.get(keys::ROOT)).await? {
        Some(json) => parse("the ledger's root", &place(store, keys::ROOT), &json).map(Some),
        None => Ok(None),
    }
}

/// The JSON of a state that a header names.
pub(super) async fn load_state(store: &dyn Store, patience: &Patience, saved: &SavedState) -> Result<Bytes, Error> {
    match &saved.at {
        StateAt::Inline(json) => Ok(Bytes::copy_from_slice(json.as_bytes())),
        StateAt::Object { key, sha256 } => {
            let json = patience.retried(key, || store.get(key)).await?.ok_or_else(|| {
                Error::new(ErrorKind::NotFound, "the state of a partition is gone")
                    .at(place(store, key))
                    .cure("restore the object: the header of an epoch names it")
            })?;
            saved::verify(&json, sha256, place(store, key))?;
            Ok(json)
        }
    }
}

/// What is said of an epoch's object beside it.
pub(super) fn about(header: &Header, encoding: Encoding) -> About {
    let text = |position: &Option<Position>| position.as_ref().map_or_else(String::new, Position::to_string);
    let metadata = vec![
        ("n", header.n.to_string()),
        ("from", text(&header.from)),
        ("to", text(&header.to)),
        ("next", header.next.clone()),
        ("nonce", header.nonce.clone()),
    ];
    About { content_type: encoding.content_type(), metadata }
}

/// As much of an object as has its header, if there is one; some of its bytes if there is none in it.
pub(super) async fn head(store: &dyn Store, key: &str) -> Result<Option<Bytes>, Error> {
    head_with(&Patience::default(), store, key).await
}

pub(super) async fn head_with(patience: &Patience, store: &dyn Store, key: &str) -> Result<Option<Bytes>, Error> {
    let Ok(encoding) = Encoding::of_key(key) else { return Ok(Some(Bytes::new())) };
    let mut range = encoding.range();
    loop {
        let Some(bytes) = patience.retried(key, || store.get_range(key, range)).await? else { return Ok(None) };
        match encoding.header(&bytes) {
            Found::Longer(len) if len > bytes.len() => range = range.of_length(len),
            _ => return Ok(Some(bytes)),
        }
    }
}

/// The header of an epoch, from as much of its object as has it.
pub(super) fn header_of(store: &dyn Store, key: &str, object: &[u8]) -> Result<Header, Error> {
    let Found::Header(json) = Encoding::of_key(key)?.header(object) else {
        return Err(Error::new(ErrorKind::Invalid, "this object is no epoch: it has no header")
            .at(place(store, key))
            .cure(
                "something else has written it: restore the epoch from a copy or an older version of the object; do not \
                 remove it, or its records are counted once more",
            ));
    };
    parse("the header of an epoch", &place(store, key), &json)
}

pub(super) fn place(store: &dyn Store, key: &str) -> String {
    format!("{}, {key}", store.uri())
}
