/** The part of a server's context that frames every page. */
export const frameContext = { name: 'Home', issuer: 'https://auth.example', brand: {}, footer: {} }
