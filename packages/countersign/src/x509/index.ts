export { type CertificateFinderOptions, createCertificateFinder } from './certificate-finder.js'
