//! A connector for hyper that goes to public addresses only.
//!
//! The check is on the addresses that are connected to, after resolution, so a name that resolves differently the second
//! time gets nowhere. hyper does not ask a resolver about a host that is an address already; the connector judges those
//! itself, by [`check_url`].
//!
//! ```
//! use tidegate_webhooks::outbound::{Allow, connect::PublicConnector};
//!
//! let mut connector = PublicConnector::new(Allow::default());
//! connector.tcp_mut().set_nodelay(true);
//! // Put TLS around it (`HttpsConnectorBuilder::…::wrap_connector(connector)`) and hand it to hyper's client.
//! ```

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use super::{Allow, check_url, is_public};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Resolves names and drops addresses that are not public; a name that has no other does not resolve.
#[derive(Clone, Debug)]
pub struct PublicResolver<R = GaiResolver> {
    inner: R,
    allow: Allow,
}

impl<R> PublicResolver<R> {
    /// Around a resolver of your own; [`PublicConnector::new`] takes the system's.
    pub fn around(inner: R, allow: Allow) -> PublicResolver<R> {
        PublicResolver { inner, allow }
    }
}

impl<R> Service<Name> for PublicResolver<R>
where
    R: Service<Name>,
    R::Response: Iterator<Item = SocketAddr>,
    R::Error: Into<BoxError>,
    R::Future: Send + 'static,
{
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow = self.allow;
        let resolving = self.inner.call(name);
        Box::pin(async move {
            let found = resolving.await.map_err(Into::into)?;
            let public: Vec<_> = found.filter(|address| allow.any_address || is_public(address.ip())).collect();
            if public.is_empty() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, NOT_PUBLIC).into());
            }
            Ok(public.into_iter())
        })
    }
}

const NOT_PUBLIC: &str = "the name has no public address";

/// hyper's TCP connector, to endpoints that [`check_url`] lets pass and at public addresses only.
#[derive(Clone, Debug)]
pub struct PublicConnector<R = GaiResolver> {
    tcp: HttpConnector<PublicResolver<R>>,
    allow: Allow,
}

impl PublicConnector {
    /// Over the system's resolver.
    #[must_use]
    pub fn new(allow: Allow) -> PublicConnector {
        PublicConnector::over(PublicResolver::around(GaiResolver::new(), allow))
    }
}

impl<R> PublicConnector<R> {
    /// Over a resolver of your own.
    pub fn over(resolver: PublicResolver<R>) -> PublicConnector<R> {
        let allow = resolver.allow;
        let mut tcp = HttpConnector::new_with_resolver(resolver);
        tcp.enforce_http(false); // TLS goes around this connector, which therefore sees https
        PublicConnector { tcp, allow }
    }

    /// The TCP connector, for its timeouts and socket options.
    pub fn tcp_mut(&mut self) -> &mut HttpConnector<PublicResolver<R>> {
        &mut self.tcp
    }
}

impl<R> Service<Uri> for PublicConnector<R>
where
    PublicResolver<R>:
        Service<Name, Response = std::vec::IntoIter<SocketAddr>, Error = BoxError> + Clone + Send + Sync + 'static,
    <PublicResolver<R> as Service<Name>>::Future: Send,
{
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Service::poll_ready(&mut self.tcp, context).map_err(Into::into)
    }

    fn call(&mut self, url: Uri) -> Self::Future {
        if let Err(error) = check_url(&url, self.allow) {
            return Box::pin(async move { Err(error.into()) });
        }
        let connecting = self.tcp.call(url);
        Box::pin(async move { connecting.await.map_err(Into::into) })
    }
}
