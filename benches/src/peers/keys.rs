//! Keys for the libraries that want label values as structs.

/// Writes the structs, with the derives of the library.
macro_rules! keys {
    ($(#[$derive:meta])*) => {
        $(#[$derive])*
        struct Pair {
            route: String,
            status: String,
        }

        $(#[$derive])*
        struct StaticPair {
            route: &'static str,
            status: &'static str,
        }

        $(#[$derive])*
        struct Triple {
            route: String,
            status: String,
            tenant: String,
        }

        impl From<$crate::peer::Values<2>> for Pair {
            fn from(values: $crate::peer::Values<2>) -> Self {
                let [route, status] = values.map(str::to_owned);
                Self { route, status }
            }
        }

        impl From<$crate::peer::Values<2>> for StaticPair {
            fn from([route, status]: $crate::peer::Values<2>) -> Self {
                Self { route, status }
            }
        }

        impl From<$crate::peer::Values<3>> for Triple {
            fn from(values: $crate::peer::Values<3>) -> Self {
                let [route, status, tenant] = values.map(str::to_owned);
                Self { route, status, tenant }
            }
        }
    };
}
