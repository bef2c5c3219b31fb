import java.net.CookieHandler;
import java.net.CookieManager;
import java.net.CookiePolicy;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Visits an address three times with one cookie manager, and prints each body. */
class Visit {
  public static void main(String[] arguments) throws Exception {
    URI address = URI.create(arguments[1]);
    CookieManager cookies = new CookieManager(null, CookiePolicy.ACCEPT_ALL);
    HttpClient client = HttpClient.newBuilder().cookieHandler(cookies).build();
    CookieHandler.setDefault(cookies);
    for (int visit = 0; visit < 3; visit++) {
      if (arguments[0].equals("HttpClient")) {
        HttpRequest request = HttpRequest.newBuilder(address).build();
        System.out.println(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
      } else {
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
        System.out.println(new String(connection.getInputStream().readAllBytes()));
      }
    }
  }
}
