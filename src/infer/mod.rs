//! # Which events are one stretch of work?
//!
//! An event has a **root** ([`roots`]): the repository it happened in, else its directory; an
//! agent's event has the root of the place where its session began. A **stream** is a root and a
//! stretch of time. Two streams are one if the root of one is, or lies above, the root of the
//! other, and no more than `gap` lies between them ([`group`]):
//!
//! ```text
//!  ~/work/acme       ●──●────●            ●──●         one stream from the first ● to the last ○:
//!  ~/work/acme/api          ○────○──○──○──○            it lies below, within the gap
//!  ~/oss/jq                    □──□                    another: neither is above the other
//! ```
//!
//! Joining only ever makes streams longer and roots higher, so it does not matter in which order
//! it is done: the result is the least set of streams closed under it. That is what makes late
//! events harmless (they lengthen a stream or join two, and never split one), what lets a run
//! touch nothing but the neighbourhood of what is new, and why order and batching of imports
//! change nothing.
//!
//! INVARIANT (one home): at any instant a root belongs to at most one stream, so an event's stream
//! follows from its root and its time and needs no row of its own.
//!
//! What a stream is said to be (directory, sessions, agents, …) is counted in [`facts`], which
//! add up in any order too. All of this module is pure; [`crate::pipeline`] feeds it from the
//! database and writes back what it answers.

pub mod facts;
pub mod group;
pub mod roots;
