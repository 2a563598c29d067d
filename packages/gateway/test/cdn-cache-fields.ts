/**
 * Headers by which an API tells caches in front of it, and no others, what to keep. The gateway drops them from answers to signed requests,
 * and the published files for nginx and Caddy hide them.
 */
export const cdnCacheFields = [
  'CDN-Cache-Control',
  'Akamai-CDN-Cache-Control',
  'Cloudflare-CDN-Cache-Control',
  'Fastly-CDN-Cache-Control',
  'Netlify-CDN-Cache-Control',
  'Vercel-CDN-Cache-Control',
  'Edge-Control',
  'Surrogate-Control',
  'X-Accel-Expires',
  'X-LiteSpeed-Cache',
  'X-LiteSpeed-Cache-Control',
  'X-LiteSpeed-Purge',
  'X-LiteSpeed-Tag',
  'X-LiteSpeed-Vary',
  'X-Reverse-Proxy-TTL',
] as const
