#![doc = include_str!("index.md")]

#[doc = include_str!("tutorial.md")]
pub mod tutorial {}

#[doc = include_str!("service.md")]
pub mod service {}

#[doc = include_str!("labels.md")]
pub mod labels {}

#[doc = include_str!("functions.md")]
pub mod functions {}

#[doc = include_str!("collectors.md")]
pub mod collectors {}

#[doc = include_str!("registries.md")]
pub mod registries {}

#[doc = include_str!("libraries.md")]
pub mod libraries {}

#[doc = include_str!("processes.md")]
#[doc = ""]
#[cfg_attr(all(unix, feature = "file"), doc = "[file]: crate::backends::MultiProcessFileBackend")]
#[cfg_attr(not(all(unix, feature = "file")), doc = "[file]: crate::backends")]
#[cfg_attr(feature = "redis", doc = "[redis]: crate::backends::redis::MultiProcessRedisBackend")]
#[cfg_attr(not(feature = "redis"), doc = "[redis]: crate::backends")]
pub mod processes {}

#[doc = include_str!("restarts.md")]
pub mod restarts {}

#[doc = include_str!("tests.md")]
pub mod tests {}

#[doc = include_str!("kinds.md")]
pub mod kinds {}

#[doc = include_str!("formats.md")]
pub mod formats {}

#[doc = include_str!("features.md")]
pub mod features {}

#[doc = include_str!("platforms.md")]
pub mod platforms {}

#[doc = include_str!("coming_from/intro.md")]
#[doc = include_str!("coming_from/prometheus.md")]
#[doc = ""]
#[doc = include_str!("coming_from/metrics.md")]
#[doc = ""]
#[doc = include_str!("coming_from/prometheus_client.md")]
#[doc = ""]
#[doc = include_str!("coming_from/python.md")]
#[doc = ""]
#[cfg_attr(all(unix, feature = "file"), doc = "[file]: crate::backends::MultiProcessFileBackend")]
#[cfg_attr(not(all(unix, feature = "file")), doc = "[file]: crate::backends")]
#[cfg_attr(feature = "redis", doc = "[redis]: crate::backends::redis::MultiProcessRedisBackend")]
#[cfg_attr(not(feature = "redis"), doc = "[redis]: crate::backends")]
pub mod coming_from {}

#[doc = include_str!("guarantees.md")]
pub mod guarantees {}
