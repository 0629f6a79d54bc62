import { createHash, randomBytes } from 'node:crypto'

const COOKIE = 'guest'
const THIRTY_DAYS_S = 30 * 24 * 3_600
const PATTERN = /(?:^|;\s*)guest=([\w-]{43})(?:;|$)/

/**
 * The guest that a request comes from. The name is a digest of the cookie: it stands in logs, in records and as the name of a
 * folder, and must not open anything there.
 */
export function guestOf(request: Request): string | undefined {
  const secret = PATTERN.exec(request.headers.get('cookie') ?? '')?.[1]
  return secret && `guest-${createHash('sha256').update(secret).digest('hex').slice(0, 24)}`
}

/**
 * A `Set-Cookie` for a new guest. Scripts cannot read it. `Lax`: a link from elsewhere finds its guest again, a form or a script
 * of another site does not get it. Behind https add `Secure`.
 */
export function newGuestCookie(): string {
  const secret = randomBytes(32).toString('base64url')
  return `${COOKIE}=${secret}; Path=/; Max-Age=${THIRTY_DAYS_S}; HttpOnly; SameSite=Lax`
}
