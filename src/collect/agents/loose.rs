//! Reading fields of a record whose shape nobody promises.
//!
//! A field that has another type than expected is as good as absent: it must not cost the line.
//! So every field is a [`Loose`] of something that picks what it understands out of any JSON value
//! and walks over the rest without keeping it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What a field takes from a JSON value; everything it does not name is passed over.
pub(super) trait Pick<'de>: Default {
    fn text(&mut self, _text: Cow<'de, str>) {}

    fn flag(&mut self, _flag: bool) {}

    fn number(&mut self, _number: f64) {}

    fn map<A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn seq<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// A field read as `T`, with `T::default()` for what `T` does not understand.
#[derive(Default, Debug)]
pub(super) struct Loose<T>(pub(super) T);

impl<'de, T: Pick<'de>> Deserialize<'de> for Loose<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Picker(PhantomData))
    }
}

struct Picker<T>(PhantomData<T>);

impl<'de, T: Pick<'de>> Visitor<'de> for Picker<T> {
    type Value = Loose<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        let mut picked = T::default();
        picked.text(Cow::Borrowed(text));
        Ok(Loose(picked))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        let mut picked = T::default();
        picked.text(Cow::Owned(text.to_owned()));
        Ok(Loose(picked))
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Self::Value, E> {
        let mut picked = T::default();
        picked.flag(flag);
        Ok(Loose(picked))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_f64(number as f64)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        let mut picked = T::default();
        picked.number(number);
        Ok(Loose(picked))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Loose(T::default()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut picked = T::default();
        picked.map(map)?;
        Ok(Loose(picked))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        let mut picked = T::default();
        picked.seq(seq)?;
        Ok(Loose(picked))
    }
}

/// A text; borrowed from the line where it has no escapes.
#[derive(Default, Debug)]
pub(super) struct Text<'a>(Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Pick<'de> for Text<'a> {
    fn text(&mut self, text: Cow<'de, str>) {
        self.0 = Some(text);
    }
}

impl Loose<Text<'_>> {
    /// The text, unless there is none or an empty one.
    pub(super) fn get(&self) -> Option<&str> {
        self.0.0.as_deref().filter(|text| !text.is_empty())
    }

    pub(super) fn is(&self, text: &str) -> bool {
        self.get() == Some(text)
    }
}

/// A truth value, false unless it is `true`.
#[derive(Default, Debug)]
pub(super) struct Flag(pub(super) bool);

impl Pick<'_> for Flag {
    fn flag(&mut self, flag: bool) {
        self.0 = flag;
    }
}

/// Whether there is anything but `null`.
#[derive(Default, Debug)]
pub(super) struct Present(pub(super) bool);

impl<'de> Pick<'de> for Present {
    fn text(&mut self, _text: Cow<'de, str>) {
        self.0 = true;
    }

    fn flag(&mut self, _flag: bool) {
        self.0 = true;
    }

    fn number(&mut self, _number: f64) {
        self.0 = true;
    }

    fn map<A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        self.0 = true;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn seq<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        self.0 = true;
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// An object with the fields of `T`.
#[derive(Debug)]
pub(super) struct Obj<T>(pub(super) Option<Box<T>>);

impl<T> Default for Obj<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Pick<'de> for Obj<T> {
    fn map<A: MapAccess<'de>>(&mut self, map: A) -> Result<(), A::Error> {
        self.0 = Some(Box::new(T::deserialize(MapAccessDeserializer::new(map))?));
        Ok(())
    }
}

impl<T> Loose<Obj<T>> {
    pub(super) fn get(&self) -> Option<&T> {
        self.0.0.as_deref()
    }
}

/// What is said in a message: a text alone, or blocks with the fields of `B`.
#[derive(Default, Debug)]
pub(super) enum Content<'a, B> {
    #[default]
    Nothing,
    Text(Cow<'a, str>),
    Blocks(Vec<B>),
}

impl<'de: 'a, 'a, B: Deserialize<'de>> Pick<'de> for Content<'a, B> {
    fn text(&mut self, text: Cow<'de, str>) {
        *self = Self::Text(text);
    }

    fn seq<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        let mut blocks = Vec::new();
        while let Some(block) = seq.next_element::<Loose<Obj<B>>>()? {
            blocks.extend(block.0.0.map(|block| *block));
        }
        *self = Self::Blocks(blocks);
        Ok(())
    }
}

/// The first characters of a text, or of the first text in a list of `{"text": …}` blocks, of
/// which the rest may be megabytes.
#[derive(Default, Debug)]
pub(super) struct Opening(pub(super) String);

impl<'de> Pick<'de> for Opening {
    fn text(&mut self, text: Cow<'de, str>) {
        self.0 = text.trim_start().chars().take(80).collect();
    }

    fn map<A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Loose<Text<'de>>>()? {
            if key.is("text") {
                self.0 = map.next_value::<Loose<Self>>()?.0.0;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn seq<A: SeqAccess<'de>>(&mut self, mut seq: A) -> Result<(), A::Error> {
        while let Some(part) = seq.next_element::<Loose<Self>>()? {
            if self.0.is_empty() {
                self.0 = part.0.0;
            }
        }
        Ok(())
    }
}
