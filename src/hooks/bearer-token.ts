/** The token of an `Authorization: Bearer` header (RFC 6750 section 2.1), null if there is none. */
export function bearerToken(header: string | undefined): string | null {
  return /^Bearer ([A-Za-z0-9._~+/-]+=*)$/.exec(header ?? '')?.[1] ?? null
}
