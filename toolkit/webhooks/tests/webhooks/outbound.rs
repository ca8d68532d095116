//! The sending side as its users see it.

use crate::fixtures::{BODY, ID, NOW, SHAPES, Shape};
use proptest::{collection::vec, prelude::*};
use tidegate_webhooks::outbound::{Allow, Signer, check_url};

fn shape(name: &str) -> &'static Shape {
    SHAPES.iter().find(|shape| shape.name == name).unwrap()
}

proptest! {
    #[test]
    fn who_knows_any_of_the_secrets_accepts_what_was_signed_with_each(
        body in vec(any::<u8>(), 0..200),
        known in 0..3_usize,
        both_kinds in any::<bool>(),
    ) {
        let (symmetric, asymmetric) = (shape("standard-webhooks v1"), shape("standard-webhooks v1a"));
        let mut secrets = symmetric.secrets.to_vec();
        if both_kinds {
            secrets.extend(asymmetric.secrets);
        }
        let headers = Signer::new(&secrets).unwrap().sign(ID, NOW, &body).unwrap();
        prop_assert_eq!(headers["webhook-signature"].to_str().unwrap().split(' ').count(), secrets.len());
        prop_assert!(symmetric.source(&[known]).verify(&headers, &body, NOW).is_ok());
        prop_assert_eq!(asymmetric.source(&[known]).verify(&headers, &body, NOW).is_ok(), both_kinds);
    }

    #[test]
    fn no_url_makes_the_check_panic(url in "(https?://)?[ -~]{0,60}") {
        if let Ok(url) = url.parse() {
            let _ = check_url(&url, Allow { http: true, any_port: true, any_address: true });
        }
    }
}

#[test]
fn a_signer_needs_secrets_that_can_sign_and_shows_none() {
    let public = "whpk_GRMttYT3iiCGidbuj1yVyGdy9QdO4mSZ0gtHmxv2SRw=";
    let symmetric = shape("standard-webhooks v1").secrets[0];
    for (secrets, begins_with) in [
        (&[][..], "`secrets` must be a list"),
        (&["hush"], "`secrets[0]` must have at least 8 bytes"),
        (&[symmetric, "hush-hush-hush"], "`secrets[1]` must be `whsec_`"),
        (&[symmetric, public], "`secrets[1]` is a public key"),
    ] {
        let error = Signer::new(secrets).unwrap_err().to_string();
        assert!(error.starts_with(begins_with) && !error.contains("hush"), "{error}");
    }
    assert!(!format!("{:?}", Signer::new(&[symmetric]).unwrap()).contains("whsec"));
    assert!(Signer::new(&[symmetric]).unwrap().sign("a.b", NOW, BODY).is_err());
}

#[cfg(feature = "connect")]
mod connecting {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::net::SocketAddr;
    use std::task::{Context, Poll};

    use hyper_util::client::legacy::connect::dns::Name;
    use tidegate_webhooks::outbound::connect::{PublicConnector, PublicResolver};
    use tidegate_webhooks::outbound::{Allow, UrlError};
    use tokio::net::TcpListener;
    use tower::{Service, ServiceExt};

    /// Answers every name with the same addresses.
    #[derive(Clone)]
    struct Fixed(Vec<SocketAddr>);

    impl Service<Name> for Fixed {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            ready(Ok(self.0.clone().into_iter()))
        }
    }

    fn resolver(addresses: &[&str], allow: Allow) -> PublicResolver<Fixed> {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        PublicResolver::around(Fixed(addresses), allow)
    }

    #[tokio::test]
    async fn of_a_names_addresses_the_public_ones_are_left() {
        let resolver = resolver(&["10.0.0.1:0", "1.1.1.1:0", "[::1]:0", "[2606:4700::1]:0"], Allow::default());
        let left: Vec<_> = resolver.oneshot("hooks.example".parse().unwrap()).await.unwrap().collect();
        assert_eq!(left, ["1.1.1.1:0".parse().unwrap(), "[2606:4700::1]:0".parse::<SocketAddr>().unwrap()]);
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_connected_to_and_neither_is_an_address() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let allow = Allow { http: true, any_port: true, any_address: false };
        let connector = PublicConnector::over(resolver(&["127.0.0.1:0"], allow));

        let name = format!("http://rebinding.example:{port}/").parse().unwrap();
        assert!(connector.clone().oneshot(name).await.is_err());
        let address = format!("http://127.0.0.1:{port}/").parse().unwrap();
        let refused = connector.oneshot(address).await.unwrap_err();
        assert_eq!(refused.downcast_ref(), Some(&UrlError::NotPublic));

        let anywhere = PublicConnector::over(resolver(&["127.0.0.1:0"], Allow { any_address: true, ..allow }));
        let name = format!("http://local.example:{port}/").parse().unwrap();
        assert!(anywhere.oneshot(name).await.is_ok());
    }
}
