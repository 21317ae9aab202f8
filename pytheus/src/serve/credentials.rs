//! Passwords and tokens of scrapers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;

use super::error::ServeError;

/// The credentials that open the metrics: any of them does, and without any the metrics are open.
#[derive(Clone, Default)]
pub(super) struct Credentials {
    accepted: Vec<Credential>,
}

#[derive(Clone)]
struct Credential {
    scheme: Scheme,
    /// The credential, as a client sends it after the scheme.
    secret: String,
    /// Why it can't be used.
    fault: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Basic,
    Bearer,
}

impl Scheme {
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            name if name.eq_ignore_ascii_case(b"basic") => Some(Self::Basic),
            name if name.eq_ignore_ascii_case(b"bearer") => Some(Self::Bearer),
            _ => None,
        }
    }
}

impl Credentials {
    pub(super) fn add_basic(&mut self, user: &str, password: &str) {
        let fault = if user.contains(':') {
            Some("a user name can't have a colon, which ends it")
        } else if password.is_empty() {
            Some("the password is empty")
        } else {
            None
        };
        let secret = STANDARD.encode(format!("{user}:{password}"));
        self.accepted.push(Credential { scheme: Scheme::Basic, secret, fault });
    }

    pub(super) fn add_bearer(&mut self, token: &str) {
        let fault = if token.is_empty() {
            Some("the token is empty")
        } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some("a token can have only visible ASCII characters, without blanks or line ends")
        } else {
            None
        };
        self.accepted.push(Credential { scheme: Scheme::Bearer, secret: token.to_owned(), fault });
    }

    /// Refuses credentials that protect nothing or that no client can send.
    pub(super) fn check(&self) -> Result<(), ServeError> {
        match self.accepted.iter().find_map(|credential| credential.fault) {
            Some(reason) => Err(ServeError::Credentials { reason }),
            None => Ok(()),
        }
    }

    /// Returns whether a request with this header `Authorization` may read the metrics.
    ///
    /// The time tells nothing about a secret but its length.
    pub(super) fn admit(&self, authorization: Option<&[u8]>) -> bool {
        if self.accepted.is_empty() {
            return true;
        }
        let Some(authorization) = authorization else { return false };
        let end = authorization.iter().position(|byte| *byte == b' ').unwrap_or(authorization.len());
        let (scheme, given) = authorization.split_at(end);
        let scheme = Scheme::of(scheme);
        let of_scheme = self.accepted.iter().filter(|credential| Some(credential.scheme) == scheme);
        of_scheme.fold(false, |admitted, credential| {
            admitted | bool::from(given.trim_ascii().ct_eq(credential.secret.as_bytes()))
        })
    }

    /// Returns the values of `WWW-Authenticate` for a refused request.
    pub(super) fn challenges(&self) -> impl Iterator<Item = &'static str> {
        let has = |scheme| self.accepted.iter().any(|credential| credential.scheme == scheme);
        let basic = has(Scheme::Basic).then_some("Basic realm=\"metrics\", charset=\"UTF-8\"");
        let bearer = has(Scheme::Bearer).then_some("Bearer realm=\"metrics\"");
        basic.into_iter().chain(bearer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_opens_the_metrics_and_another_one_does_not() {
        let mut credentials = Credentials::default();
        assert!(credentials.admit(None));
        // The example of RFC 7617.
        credentials.add_basic("Aladdin", "open sesame");
        assert!(credentials.check().is_ok());
        assert!(credentials.admit(Some(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")));
        assert!(credentials.admit(Some(b"basic   QWxhZGRpbjpvcGVuIHNlc2FtZQ== ")));
        for refused in
            ["", "Basic", "Basic ", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]
        {
            assert!(!credentials.admit(Some(refused.as_bytes())), "{refused}");
        }
        assert!(!credentials.admit(None));
    }

    #[test]
    fn one_of_several_tokens_is_enough() {
        let mut credentials = Credentials::default();
        credentials.add_bearer("old");
        credentials.add_bearer("new");
        credentials.add_basic("ada", "lovelace");
        for token in ["old", "new"] {
            assert!(credentials.admit(Some(format!("Bearer {token}").as_bytes())), "{token}");
        }
        assert!(!credentials.admit(Some(b"Bearer ne")));
        assert_eq!(credentials.challenges().count(), 2);
    }

    #[test]
    fn credentials_that_protect_nothing_are_refused() {
        let fault = |add: fn(&mut Credentials)| {
            let mut credentials = Credentials::default();
            add(&mut credentials);
            credentials.check().unwrap_err().to_string()
        };
        assert!(fault(|all| all.add_bearer("")).ends_with("the token is empty"));
        assert!(fault(|all| all.add_bearer("secret\n")).contains("without blanks or line ends"));
        assert!(fault(|all| all.add_basic("ada", "")).ends_with("the password is empty"));
        assert!(fault(|all| all.add_basic("a:da", "x")).contains("colon"));
    }
}
