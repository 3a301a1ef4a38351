// Failures of the service in the words of a shopper: what the service says in `detail` is for its operators.

import { t } from "./messages.js";

const BY_TYPE = {
  "unknown-item": "error_gone",
  "not-an-image": "error_not_image",
  "unreadable-image": "error_not_image",
  "image-too-large": "error_image_large",
  "image-too-costly": "error_image_large",
  "body-too-large": "error_image_large",
  "unreachable-image": "error_image_unreachable",
  "private-host": "error_image_unreachable",
  "late-image": "error_image_unreachable",
};
const BY_STATUS = { 403: "error_forbidden", 404: "error_gone", 413: "error_image_large", 429: "error_busy", 503: "error_server", 504: "error_busy" };

/** Returns an error for the shopper; `again` says whether a retry may help. */
export function failure(key, again = false) {
  return Object.assign(new Error(t(key)), { again });
}

/** Returns the error for a response that failed, from its status and its body (RFC 9457). */
export function failureOf(status, body) {
  const isAddress = body?.errors?.some?.(({ field }) => /^(image|images\.\d+|negative\.\d+)\.url$/.test(field)) || String(body?.type).endsWith(":unfetchable");
  const key = isAddress ? "error_image_address" : BY_TYPE[String(body?.type ?? "").split(":").pop()] ?? BY_STATUS[status] ?? (status >= 500 ? "error_server" : "error_request");
  return Object.assign(failure(key, status === 429 || status >= 500), { isGone: status === 404, isAddress, field: body?.errors?.[0]?.field });
}
