//! Answers of the `http` crate. Needs the feature `http`.

use alloc::string::String;

use http::{HeaderName, HeaderValue, StatusCode};

use crate::response::denial::Response;

impl From<&Response> for http::Response<String> {
    fn from(response: &Response) -> Self {
        let mut answer = Self::new(response.body().into());
        // Statuses and names are this crate's own, and the configuration's values were judged when it was read.
        *answer.status_mut() = StatusCode::from_u16(response.status()).unwrap_or(StatusCode::FORBIDDEN);
        for (name, value) in response.headers() {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::try_from(value)) {
                answer.headers_mut().append(name, value);
            }
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use crate::{reason::Reason, response::denial::Response};

    #[test]
    fn an_answer_has_all_that_the_denial_has() {
        let response = Response::without_configuration(Reason::Expired);
        let answer = http::Response::from(&response);
        assert_eq!((answer.status().as_u16(), answer.body().as_str()), (response.status(), response.body()));
        assert_eq!(answer.headers().len(), response.headers().len());
        for (name, value) in response.headers() {
            assert_eq!(answer.headers().get(*name).unwrap(), value.as_str());
        }
    }
}
