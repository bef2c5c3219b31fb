import type { NextConfig } from 'next'

const config: NextConfig = { serverExternalPackages: ['viur-session'] }
export default config
