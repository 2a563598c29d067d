/**
 * Response headers that only CDNs and reverse-proxy caches interpret. The gateway drops them from responses to signed requests, and the
 * published nginx and Caddy configurations hide them.
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
