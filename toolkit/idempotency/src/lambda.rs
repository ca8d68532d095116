//! A `tower` layer for `lambda_runtime`: the whole event is one call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use lambda_runtime::tower::Layer;
use lambda_runtime::{Diagnostic, LambdaEvent, Service};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::claim::{Fence, Store};
use crate::error::Error;
use crate::idempotent::{Call, Idempotent};
use crate::response::Overflow;

/// The time and a new fence, for one call.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Now.
    pub now: SystemTime,
    /// Drawn for this call alone.
    pub fence: Fence,
}

pub(crate) type ResponseFuture<A, E> = Pin<Box<dyn Future<Output = Result<A, E>> + Send>>;

/// Makes a service of Lambda events idempotent. The deadline comes from each event's context.
#[derive(Debug)]
pub struct LambdaLayer<E, A, S, O, M> {
    idempotent: Arc<Idempotent<E, A, S, O>>,
    moment: M,
}

impl<E, A, S, O, M: Fn() -> Moment> LambdaLayer<E, A, S, O, M> {
    /// A layer that asks `moment` for the time and a new fence at each call.
    pub fn new(idempotent: Idempotent<E, A, S, O>, moment: M) -> Self {
        Self { idempotent: Arc::new(idempotent), moment }
    }
}

impl<Inner, E, A, S, O, M: Clone> Layer<Inner> for LambdaLayer<E, A, S, O, M> {
    type Service = LambdaService<Inner, E, A, S, O, M>;

    fn layer(&self, inner: Inner) -> Self::Service {
        LambdaService { inner, idempotent: Arc::clone(&self.idempotent), moment: self.moment.clone() }
    }
}

/// What [`LambdaLayer`] makes of a service.
#[derive(Debug)]
pub struct LambdaService<Inner, E, A, S, O, M> {
    inner: Inner,
    idempotent: Arc<Idempotent<E, A, S, O>>,
    moment: M,
}

impl<Inner, E, A, S, O, M> Service<LambdaEvent<E>> for LambdaService<Inner, E, A, S, O, M>
where
    Inner: Service<LambdaEvent<E>, Response = A> + Clone + Send + 'static,
    Inner::Future: Send,
    Inner::Error: Send,
    E: Send + Sync + 'static,
    A: Serialize + DeserializeOwned + Send + Sync + 'static,
    S: Store + 'static,
    O: Overflow + 'static,
    M: Fn() -> Moment,
{
    type Response = A;
    type Error = Error<Inner::Error>;
    type Future = ResponseFuture<A, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Handler)
    }

    fn call(&mut self, event: LambdaEvent<E>) -> Self::Future {
        let Moment { now, fence } = (self.moment)();
        let call = Call { now, fence, deadline: event.context.deadline() };
        let idempotent = Arc::clone(&self.idempotent);
        let mut inner = ready(&mut self.inner);
        Box::pin(async move {
            let admission = idempotent.begin(&event.payload, call).await?;
            Ok(idempotent.proceed(admission, || inner.call(event)).await?.response)
        })
    }
}

/// The service that was polled ready; its clone, which was not, waits for the next call.
pub(crate) fn ready<Inner: Clone>(inner: &mut Inner) -> Inner {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}

/// What the runtime reports: the handler's own diagnostic, or the kind of error, for instance `in-progress`.
impl<H: Into<Diagnostic>> From<Error<H>> for Diagnostic {
    fn from(error: Error<H>) -> Self {
        let error_type = error.kind().to_owned();
        if let Error::Handler(error) = error {
            return error.into();
        }
        Self { error_type, error_message: error.to_string() }
    }
}
