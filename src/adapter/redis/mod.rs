//! Redis: rows to `redis/db_0/` (`redis.md`).

mod blob;
mod collection;
mod envelope;
mod expiry;
mod fact;
mod group;
mod meta;
mod proto;
