import { index, route, type RouteConfig } from '@react-router/dev/routes'

export default [
  index('routes/home.tsx'),
  route('views', 'routes/views.ts'),
  route('unkept', 'routes/unkept.ts'),
] satisfies RouteConfig
