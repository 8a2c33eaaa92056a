---@meta moonwatch.http
-- What the C module offers to scripts: for people and for the language server, never run.
-- Requests over http and https. TLS is verified, redirects are not followed unless asked for, and
-- only on the same server; proxies of the environment are not used. Connections are kept.
--
-- A request waits no longer than nine tenths of the time that the script has left, so that the rest
-- is there for what it does about an error.

---@class HttpOptions  Any other key is an error, with the one that was probably meant.
---@field headers? table<string, string>  at most 64
---@field timeout_s? number  in all; 30 by default
---@field connect_timeout_s? number  to the end of TLS; 5 by default
---@field body_max_bytes? integer  of the answer, unpacked; 8 MiB by default, at most 64 MiB
---@field redirects_max? integer  of GET and HEAD; 0 by default, at most 20
---@field credentials? string  the name of credentials that the operator has given; an unknown one raises
---@field unix_socket? string  the name of a unix socket, likewise: it is connected to, whatever host the URL has
---@field body? string  of http.request

---@class HttpAnswer  Its status is 200 to 299.
---@field status integer
---@field headers table<string, string>  names in lower case; a field that comes twice has its values joined by ", "
---@field body string  unpacked
---@field version? number  of HTTP: 1, 1.1 or 2
---@field retry_after_s? number

--- errno is 13 (EACCES) for 401, 403, and a certificate that is not believed; 2 (ENOENT) for 404, and a
--- file of credentials that is missing; 11 (EAGAIN) for 429 and 503; 71 (EPROTO) for any other status,
--- and what is no HTTP; 110 (ETIMEDOUT); 90 (EMSGSIZE) for a ceiling; 22 (EINVAL) for a request that is
--- wrong; 74 (EBADMSG) for a file that holds no credentials; 122 (EDQUOT) for a run that has made as many
--- requests as its budget allows; 104, 111, 113 and others of connect(2)
--- where there is no connection, or not to its end; 95 (ENOTSUP) where there is no libcurl.
---@class HttpFailure
---@field errno integer  see above
---@field phase "request"|"resolve"|"connect"|"tls"|"send"|"status"|"body"  how far it came
---@field status? integer  an answer came
---@field said? string  the first 256 bytes of what an answer says that says no, printable
---@field retry_after_s? number  how long the answer asks to wait, at most a day

local M = {}

---@param url string  "https://127.0.0.1:10250/pods"; a password in it is refused
---@param options? HttpOptions
---@return HttpAnswer? answer
---@return string? message  "GET https://127.0.0.1:10250/pods: 401: the token in ... is refused ..."
---@return HttpFailure? failure
function M.get(url, options) end

---@param url string
---@param body string  any bytes; give its Content-Type in options.headers
---@param options? HttpOptions
---@return HttpAnswer? answer
---@return string? message
---@return HttpFailure? failure
function M.post(url, body, options) end

---@param method string  "PUT"
---@param url string
---@param options? HttpOptions
---@return HttpAnswer? answer
---@return string? message
---@return HttpFailure? failure
function M.request(method, url, options) end

return M
