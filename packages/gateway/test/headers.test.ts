import { expect, it } from 'vitest'
import { createRedirectRewrite } from '../src/headers.js'

// G55
it.each([
  ['http://albums.internal', 'http://albums.internal:80/albums/', 'https://api.example/albums/'],
  ['https://albums.internal', 'https://albums.internal:443/albums/', 'https://api.example/albums/'],
  ['https://[::1]', 'https://[::1]:443/', 'https://api.example/'],
  ['http://albums.internal', 'http://albums.internal:443/', 'http://albums.internal:443/'],
  ['http://albums.internal:3000', 'http://albums.internal:80/', 'http://albums.internal:80/'],
])('a redirect of the upstream %s to %s becomes %s', (upstream, location, expected) => {
  const rewrite = createRedirectRewrite(new URL('https://api.example'), new URL(upstream))
  expect(rewrite(['Location', location])).toEqual(['Location', expected])
})
