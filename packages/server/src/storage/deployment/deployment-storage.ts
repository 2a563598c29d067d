/** Whose database this is (W31). */
export interface DeploymentStorage {
  /**
   * Makes the database that of an issuer unless it is another's already, and tells whose it is. It writes each time, and so
   * shows whether that is possible.
   */
  claimIssuer(issuer: string): Promise<string>
}
