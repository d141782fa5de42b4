package dev.nexus.realtime.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.LinkProperties
import android.net.Network
import dev.nexus.realtime.NexusClient

/** Tells a client of the default network: another one (Wi-Fi to cellular, a VPN), one that has other addresses, none. */
internal class NetworkWatch(context: Context, private val client: NexusClient) : AutoCloseable {
    private val connectivity = context.getSystemService(Context.CONNECTIVITY_SERVICE) as ConnectivityManager

    private val callback = object : ConnectivityManager.NetworkCallback() {
        private var network: Network? = null
        private var addresses: Any? = null

        override fun onAvailable(network: Network) {
            this.network = network
            addresses = null
            client.networkChanged(true)
        }

        override fun onLinkPropertiesChanged(network: Network, properties: LinkProperties) {
            // Comes with each network, and with changes that no connection notices: only other addresses matter.
            val before = addresses
            addresses = properties.linkAddresses
            if (before != null && before != addresses) client.networkChanged(true)
        }

        override fun onLost(network: Network) {
            if (network == this.network) client.networkChanged(false)
        }
    }

    init {
        connectivity.registerDefaultNetworkCallback(callback)
    }

    override fun close() {
        connectivity.unregisterNetworkCallback(callback)
    }
}
