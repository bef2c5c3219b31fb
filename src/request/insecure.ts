/** Says why nothing is stored for a request, and what to do about it. Messages end with this text. */
export const FOR_NOT_SECURE =
  'for a request that is not secure: serve over https, and behind a proxy set "trust proxy" in Express, or the option trustProxy of other adapters; for local work over http set cookie.secure to false or connect over loopback, which viur-session/fetch learns from the option address'
