import { randomBytes } from 'node:crypto'
import express, { type Request } from 'express'

// Replace this file with your app's own users and sessions.

/** A browser that is signed in. The token is in each of its forms, so that no other site can submit one. */
export interface Session {
  account: string
  token: string
}

const { PASSWORDS = '{}', ID = 'https://photos.example' } = process.env
const passwords = new Map<string, string>(Object.entries(JSON.parse(PASSWORDS)))
const sessions = new Map<string, Session>()

export function sessionOf(req: Request): Session | undefined {
  const [, id = ''] = /(?:^|; )session=([^;]*)/.exec(req.headers.cookie ?? '') ?? []
  return sessions.get(id)
}

export const signIn = express.Router()

signIn.get('/sign-in', (_req, res) => {
  const fields = '<input name="account"> <input name="password" type="password">'
  res.send(`<form method="post" action="/sign-in">${fields} <button>Sign in</button></form>`)
})

signIn.post('/sign-in', express.urlencoded({ extended: false }), (req, res) => {
  const { account, password } = req.body
  const isTheirs = typeof password === 'string' && passwords.get(account) === password
  if (!isTheirs || req.get('origin') !== ID) return void res.status(403).send('Wrong username or password.')
  const id = randomBytes(32).toString('base64url')
  sessions.set(id, { account, token: randomBytes(32).toString('base64url') })
  res.cookie('session', id, { httpOnly: true, sameSite: 'lax', secure: ID.startsWith('https:') })
  res.redirect(303, '/link')
})
